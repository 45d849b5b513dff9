package gitwire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
)

// oldCapabilities is what a server of version 0 or 1 says it can do. Its capabilities
// stand behind the first ref of its advertisement, and each is named in a request
// only if it was offered.
type oldCapabilities struct {
	sideBand string // how the pack is told from messages
	multiAck string // how common commits are told; some servers insist on one
	plain    []string
	head     string // the branch that HEAD points to
}

// parseOld reads the list of capabilities.
func (c *capabilities) parseOld(list string) error {
	has := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		key, value, _ := strings.Cut(name, "=")
		switch target, isHead := strings.CutPrefix(value, "HEAD:"); {
		case key == "object-format" && value != "sha1":
			return giterr.ErrSHA256
		case key == "symref" && isHead && object.ValidRef(target):
			c.v0.head = target
		}

		has[key] = true
	}

	c.agent, c.shallow, c.filter = has["agent"], has["shallow"], has["filter"]
	c.v0.sideBand = first(has, "side-band-64k", "side-band")
	c.v0.multiAck = first(has, "multi_ack_detailed", "multi_ack")

	for _, name := range []string{"thin-pack", "ofs-delta", "no-progress"} {
		if has[name] {
			c.v0.plain = append(c.v0.plain, name)
		}
	}

	return nil
}

func first(has map[string]bool, names ...string) string {
	for _, name := range names {
		if has[name] {
			return name
		}
	}
	return ""
}

// readOldRefs hands every ref of an advertisement to f, of which the first line
// has been read. Nothing is kept of what f does not keep.
func readOldRefs(lines *pktline.Reader, caps capabilities, line string, handle func(refLine)) error {
	for {
		// A shallow repository says at the end where its history stops. A ref
		// whose name has a ^ is what the tag before it stands for, or the place of
		// the capabilities where there is no ref.
		name, _, _ := strings.Cut(line, "\x00")
		if !strings.HasPrefix(name, "shallow ") && name != "" {
			ref, err := parseRef(name)
			if err != nil {
				return err
			}

			if ref.name == "HEAD" {
				ref.target = caps.v0.head
			}

			handle(ref)
		}

		kind, next, err := lines.NextText()
		switch {
		case err != nil:
			return err
		case kind == pktline.Flush:
			lines.Finish()
			return nil
		case kind != pktline.Data:
			return fmt.Errorf("%w: a section in the list of refs", giterr.ErrProtocol)
		}

		line = next
	}
}

// encodeOld writes the request in version 0: everything at once, since nothing
// is negotiated.
func (q fetchRequest) encodeOld(caps capabilities, agent string) ([]byte, error) {
	if caps.v0.sideBand == "" {
		return nil, fmt.Errorf("%w: it offers no side-band", giterr.ErrVersion)
	}

	names := append([]string{caps.v0.sideBand}, caps.v0.plain...)
	if caps.v0.multiAck != "" {
		names = append(names, caps.v0.multiAck)
	}

	if caps.shallow {
		names = append(names, "shallow")
	}

	if q.filter != "" {
		names = append(names, "filter")
	}

	if caps.agent {
		names = append(names, "agent="+agent)
	}

	var b []byte
	tail := " " + strings.Join(names, " ")
	for _, id := range q.want {
		b = pktline.Append(b, "want "+id.String()+tail+"\n")
		tail = ""
	}

	if !q.have.IsZero() && caps.shallow {
		b = pktline.Append(b, "shallow "+q.have.String()+"\n")
	}

	if q.depth > 0 {
		b = pktline.Append(b, "deepen "+strconv.Itoa(q.depth)+"\n")
	}

	if q.filter != "" {
		b = pktline.Append(b, "filter "+q.filter+"\n")
	}

	b = append(b, "0000"...)
	if !q.have.IsZero() {
		b = pktline.Append(b, "have "+q.have.String()+"\n")
	}

	return pktline.Append(b, "done\n"), nil
}

// skipToOldPack reads over what comes before the pack in version 0: where history
// stops, ended by a marker, and which commits are common.
func skipToOldPack(lines *pktline.Reader) (*pktline.Sideband, error) {
	for {
		kind, line, err := lines.Next()
		if err != nil {
			return nil, err
		}

		word, _, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch {
		case kind == pktline.Flush, kind == pktline.Data && (word == "shallow" || word == "unshallow" || word == "ACK" || word == "NAK"):
			continue
		case kind != pktline.Data || len(line) == 0 || line[0] > 3:
			return nil, fmt.Errorf("%w: an answer without a pack", giterr.ErrProtocol)
		}

		band := pktline.NewSideband(lines)
		return band, band.Accept(kind, line)
	}
}

package gitwire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
)

// oldCapabilities are those of a server of version 0 or 1. They follow the first ref of its
// advertisement, and a request names only those that were offered.
type oldCapabilities struct {
	sideBand string // separates the pack from messages
	multiAck string // how common commits are acknowledged; some servers require one
	plain    []string
	head     string // the branch that HEAD points to
}

// parseOld parses the list of capabilities.
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

// readOldRefs calls handle for every ref of an advertisement. line is the first one, which has
// been read.
func readOldRefs(lines *pktline.Reader, caps capabilities, line string, handle func(refLine)) error {
	for {
		// A shallow repository lists at the end where its history stops. A ref with a ^ in its
		// name is the target of the tag before it, or, if there are no refs, has the
		// capabilities.
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

// encodeOld returns the request in version 0. It is complete at once, because nothing is
// negotiated.
func (q fetchRequest) encodeOld(caps capabilities, agent string) ([]byte, error) {
	if caps.v0.sideBand == "" {
		return nil, fmt.Errorf("%w: it offers no side-band", giterr.ErrVersion)
	}

	names := []string{caps.v0.sideBand}
	for _, name := range caps.v0.plain {
		if name != "thin-pack" || !q.haveHistory {
			names = append(names, name)
		}
	}
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

	if q.sendsShallow() && caps.shallow {
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

// skipToOldPack skips what precedes the pack in version 0: where history stops, up to a marker,
// and the common commits.
func skipToOldPack(lines *pktline.Reader) (*pktline.Sideband, error) {
	for {
		kind, line, err := lines.Next()
		if err != nil {
			return nil, err
		}

		word, _, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch {
		case kind == pktline.Flush, kind == pktline.Data && (word == "shallow" || word == "unshallow" ||
			word == "ACK" || word == "NAK"):
			continue
		case kind != pktline.Data || len(line) == 0 || line[0] > 3:
			return nil, fmt.Errorf("%w: an answer without a pack", giterr.ErrProtocol)
		}

		band := pktline.NewSideband(lines)
		return band, band.Accept(kind, line)
	}
}

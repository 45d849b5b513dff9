package gitwire

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
)

// capabilities are those of a server, as far as they are used.
type capabilities struct {
	agent        bool
	objectFormat bool
	unborn       bool // ls-refs lists HEAD of an empty repository
	shallow      bool
	filter       bool
	isOld        bool // version 0 or 1: refs come with the advertisement
	v0           oldCapabilities
}

// maxCapabilities bounds the advertisement, which usually has some hundred bytes.
const maxCapabilities = 64 << 10

// readCapabilities reads an advertisement of version 2. Older servers list their refs instead:
// it returns the first line, which is empty if the list is.
func readCapabilities(lines *pktline.Reader) (caps capabilities, first string, err error) {
	kind, line, err := lines.NextText()
	if err == nil && kind == pktline.Data && strings.HasPrefix(line, "# service=") {
		if kind, _, err = lines.NextText(); err == nil && kind != pktline.Flush {
			return caps, "", fmt.Errorf("%w: no end of the service line", giterr.ErrProtocol)
		}
		if err == nil {
			kind, line, err = lines.NextText()
		}
	}

	if err == nil && kind == pktline.Data && line == "version 1" {
		kind, line, err = lines.NextText()
		caps.isOld = true
	}

	switch {
	case err != nil:
		return caps, "", err
	case kind == pktline.Data && line == "version 2" && !caps.isOld:
		return caps, "", caps.parse(lines)
	case kind == pktline.Data && strings.HasPrefix(line, "version "), kind != pktline.Data && kind != pktline.Flush:
		return caps, "", giterr.ErrVersion
	}

	caps.isOld = true
	if kind == pktline.Data && line == "" {
		return caps, "", fmt.Errorf("%w: an empty line in the list of refs", giterr.ErrProtocol)
	}

	_, list, _ := strings.Cut(line, "\x00")
	return caps, line, caps.parseOld(list)
}

func (c *capabilities) parse(p *pktline.Reader) error {
	commands := 0
	for {
		kind, line, err := p.NextText()
		if err != nil {
			return err
		}
		if kind == pktline.Flush {
			break
		}

		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "agent":
			c.agent = true
		case "ls-refs":
			commands++
			c.unborn = slices.Contains(strings.Fields(value), "unborn")
		case "fetch":
			commands++
			c.shallow = slices.Contains(strings.Fields(value), "shallow")
			c.filter = slices.Contains(strings.Fields(value), "filter")
		case "object-format":
			if value != "sha1" {
				return giterr.ErrSHA256
			}
			c.objectFormat = true
		}
	}

	if commands != 2 {
		return fmt.Errorf("%w: the server offers no ls-refs or no fetch", giterr.ErrProtocol)
	}

	return nil
}

// appendCommand begins a request. It names only advertised capabilities: at any other one,
// servers close the stream.
func (c capabilities) appendCommand(b []byte, command, agent string) []byte {
	b = pktline.Append(b, "command="+command)
	if c.agent {
		b = pktline.Append(b, "agent="+agent)
	}
	if c.objectFormat {
		b = pktline.Append(b, "object-format=sha1")
	}
	return append(b, "0001"...)
}

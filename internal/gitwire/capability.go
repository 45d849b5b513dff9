package gitwire

import (
	"fmt"
	"slices"
	"strings"
)

// capabilities is what a server says it can do, as far as we use it.
type capabilities struct {
	agent        bool
	objectFormat bool
	unborn       bool // ls-refs tells HEAD of an empty repository
	shallow      bool
	filter       bool
	old          bool // version 0 or 1: refs come with the advertisement
	v0           offered
}

// maxCapabilities bounds the advertisement, which is some hundred bytes.
const maxCapabilities = 64 << 10

// readCapabilities reads a version 2 advertisement. Servers of older versions
// list their refs instead, of which no more than the first line is read; it is
// given back, and is empty if the list was.
func readCapabilities(p *packetReader) (c capabilities, first string, err error) {
	kind, line, err := p.text()
	if err == nil && kind == dataPacket && strings.HasPrefix(line, "# service=") {
		if kind, _, err = p.text(); err == nil && kind != flushPacket {
			return c, "", fmt.Errorf("%w: no end of the service line", ErrProtocol)
		}
		if err == nil {
			kind, line, err = p.text()
		}
	}

	if err == nil && kind == dataPacket && line == "version 1" {
		kind, line, err = p.text()
		c.old = true
	}

	switch {
	case err != nil:
		return c, "", err
	case kind == dataPacket && line == "version 2" && !c.old:
		return c, "", c.read(p)
	case kind == dataPacket && strings.HasPrefix(line, "version "), kind != dataPacket && kind != flushPacket:
		return c, "", ErrVersion
	}

	c.old = true
	if kind == dataPacket && line == "" {
		return c, "", fmt.Errorf("%w: an empty line in the list of refs", ErrProtocol)
	}

	_, list, _ := strings.Cut(line, "\x00")
	return c, line, c.take(list)
}

func (c *capabilities) read(p *packetReader) error {
	commands := 0
	for {
		kind, line, err := p.text()
		if err != nil {
			return err
		}
		if kind == flushPacket {
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
				return ErrSHA256
			}
			c.objectFormat = true
		}
	}

	if commands != 2 {
		return fmt.Errorf("%w: the server offers no ls-refs or no fetch", ErrProtocol)
	}

	return nil
}

// appendCommand begins a request. A server ends the stream without a word at a
// capability that it did not advertise, so only those are named.
func (c capabilities) appendCommand(b []byte, command, agent string) []byte {
	b = appendPacket(b, "command="+command)
	if c.agent {
		b = appendPacket(b, "agent="+agent)
	}
	if c.objectFormat {
		b = appendPacket(b, "object-format=sha1")
	}
	return append(b, "0001"...)
}

package gitwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// A fetchRequest asks for a pack.
type fetchRequest struct {
	want []ID
	// have is a commit whose trees we hold; zero for none. It is named as shallow
	// too: of its history we hold nothing.
	have   ID
	depth  int    // zero for objects that are no commits
	filter string // "" for all objects
}

func (q fetchRequest) encode(c capabilities, agent string) ([]byte, error) {
	if q.depth > 0 && !c.shallow {
		return nil, fmt.Errorf("%w: the server cannot send a commit without its history", ErrProtocol)
	}
	if c.old {
		return q.encodeOld(c, agent)
	}

	b := c.appendCommand(nil, "fetch", agent)
	// Without thin-pack the server would send everything that have names again.
	for _, line := range []string{"thin-pack", "no-progress", "ofs-delta"} {
		b = appendPacket(b, line)
	}

	if !q.have.IsZero() {
		b = appendPacket(b, "shallow "+q.have.String())
	}

	if q.depth > 0 {
		b = appendPacket(b, "deepen "+strconv.Itoa(q.depth))
	}

	if q.filter != "" {
		b = appendPacket(b, "filter "+q.filter)
	}

	for _, id := range q.want {
		b = appendPacket(b, "want "+id.String())
	}

	if !q.have.IsZero() {
		b = appendPacket(b, "have "+q.have.String())
	}

	b = appendPacket(b, "done")
	return append(b, "0000"...), nil
}

// fetch asks for a pack and reads it. build says what to ask for once the
// server's capabilities are known, and what to keep of the answer.
func (r *Remote) fetch(ctx context.Context, build func(capabilities) (fetchRequest, packPolicy, error)) (pack, error) {
	var got pack
	var policy packPolicy
	skip := skipToPack
	encode := func(c capabilities) ([]byte, error) {
		q, p, err := build(c)
		if err != nil {
			return nil, err
		}

		if policy = p; c.old {
			skip = skipToOldPack
		} else {
			skip = skipToPack
		}

		return q.encode(c, r.agent)
	}
	err := r.command(ctx, nil, encode, func(p *packetReader) error {
		p.allow(policy.wire)
		band, err := skip(p)
		if err == nil {
			got, err = readPack(band, policy)
		}

		if err == nil {
			err = band.drain()
		}

		return policy.explain(err)
	})

	return got, err
}

// explain says of a limit that was met why so much was read at all.
func (p packPolicy) explain(err error) error {
	if !p.whole || !errors.Is(err, ErrLimit) {
		return err
	}
	return fmt.Errorf("%w; this server sends a commit with all its files or not at all, of which at most %d bytes are read", err, p.wire)
}

// skipToPack reads over the sections before the pack, which only matter to
// clients that keep a repository.
func skipToPack(p *packetReader) (*sideband, error) {
	for {
		kind, line, err := p.text()
		if err != nil {
			return nil, err
		}
		if kind == flushPacket || kind == endPacket {
			return nil, fmt.Errorf("%w: an answer without a pack", ErrProtocol)
		}

		if kind == dataPacket && line == "packfile" {
			return &sideband{p: p}, nil
		}
	}
}

// sideband takes the pack out of the lines that carry it. The first byte of a
// line says what it is: 1 pack, 2 progress, 3 the server gives up.
type sideband struct {
	p    *packetReader
	rest []byte
	done bool
}

func (s *sideband) Read(b []byte) (int, error) {
	if err := s.fill(); err != nil {
		return 0, err
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *sideband) fill() error {
	for len(s.rest) == 0 {
		if s.done {
			return io.EOF
		}

		kind, line, err := s.p.next()
		if err == nil {
			err = s.take(kind, line)
		}

		if err != nil {
			return err
		}
	}

	return nil
}

func (s *sideband) take(kind packetKind, line []byte) error {
	switch {
	case kind != dataPacket:
		s.done = true
	case len(line) == 0:
		return fmt.Errorf("%w: an empty line in a pack", ErrProtocol)
	case line[0] == 1:
		s.rest = line[1:]
	case line[0] == 3 && isMissing(line):
		return serverError(line[1:])
	case line[0] == 3:
		return fmt.Errorf("%w: the server gave up and says %s", ErrUnavailable, quote(line[1:]))
	case line[0] != 2:
		return fmt.Errorf("%w: a line of band %d in a pack", ErrProtocol, line[0])
	}

	return nil
}

// drain reads to the end, so that the connection can be used again.
func (s *sideband) drain() error {
	for {
		s.rest = nil
		if err := s.fill(); err == io.EOF {
			s.p.end()
			return nil
		} else if err != nil {
			return err
		}
	}
}

// sorted gives ids in an order of their own, each once.
func sorted(ids []ID) []ID {
	slices.SortFunc(ids, ID.compare)
	return slices.Compact(ids)
}

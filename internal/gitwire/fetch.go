package gitwire

import (
	"context"
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
	encode := func(c capabilities) ([]byte, error) {
		q, p, err := build(c)
		if err != nil {
			return nil, err
		}
		policy = p
		return q.encode(c, r.agent)
	}
	err := r.command(ctx, 0, encode, func(p *packetReader) error {
		p.left = policy.wire
		if err := skipToPack(p); err != nil {
			return err
		}
		band := &sideband{p: p}
		var err error
		if got, err = readPack(band, policy); err != nil {
			return err
		}
		return band.drain()
	})
	return got, err
}

// skipToPack reads over the sections before the pack, which only matter to
// clients that keep a repository.
func skipToPack(p *packetReader) error {
	for {
		kind, line, err := p.text()
		if err != nil {
			return err
		}
		if kind == flushPacket || kind == endPacket {
			return fmt.Errorf("%w: an answer without a pack", ErrProtocol)
		}
		if kind == dataPacket && line == "packfile" {
			return nil
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
		switch {
		case err != nil:
			return err
		case kind != dataPacket:
			s.done = true
		case len(line) == 0:
			return fmt.Errorf("%w: an empty line in a pack", ErrProtocol)
		case line[0] == 1:
			s.rest = line[1:]
		case line[0] == 3:
			return fmt.Errorf("%w: the server gave up and says %s", ErrUnavailable, quote(line[1:]))
		case line[0] != 2:
			return fmt.Errorf("%w: a line of band %d in a pack", ErrProtocol, line[0])
		}
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

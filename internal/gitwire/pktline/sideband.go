package pktline

import (
	"fmt"
	"io"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Sideband reads the pack from the lines that carry it. The first byte of a line is its band:
// 1 is the pack, 2 progress, 3 a fatal error.
type Sideband struct {
	p    *Reader
	rest []byte
	done bool
}

func NewSideband(p *Reader) *Sideband { return &Sideband{p: p} }

func (s *Sideband) Read(b []byte) (int, error) {
	if err := s.fill(); err != nil {
		return 0, err
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *Sideband) fill() error {
	for len(s.rest) == 0 {
		if s.done {
			return io.EOF
		}

		kind, line, err := s.p.Next()
		if err == nil {
			err = s.Accept(kind, line)
		}

		if err != nil {
			return err
		}
	}

	return nil
}

func (s *Sideband) Accept(kind Kind, line []byte) error {
	switch {
	case kind != Data:
		s.done = true
	case len(line) == 0:
		return fmt.Errorf("%w: an empty line in a pack", giterr.ErrProtocol)
	case line[0] == 1:
		s.rest = line[1:]
	case line[0] == 3 && isMissing(line):
		return serverError(line[1:])
	case line[0] == 3:
		return fmt.Errorf("%w: the server gave up and says %s", giterr.ErrUnavailable, giterr.Quote(line[1:]))
	case line[0] != 2:
		return fmt.Errorf("%w: a line of band %d in a pack", giterr.ErrProtocol, line[0])
	}

	return nil
}

// Drain reads to the end, so that the connection can be used again.
func (s *Sideband) Drain() error {
	for {
		s.rest = nil
		if err := s.fill(); err == io.EOF {
			s.p.Finish()
			return nil
		} else if err != nil {
			return err
		}
	}
}

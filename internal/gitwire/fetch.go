package gitwire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/packfile"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
)

// A fetchRequest asks for a pack.
type fetchRequest struct {
	want []object.ID
	// have is a commit whose trees are known; zero for none. It is sent as shallow too, because
	// its history is not known.
	have object.ID
	// haveHistory is true if the ancestors of have are known too, but none of its objects, so
	// that deltas against them are of no use.
	haveHistory bool
	depth       int    // zero for objects other than commits
	filter      string // "" for all objects
}

func (q fetchRequest) encode(caps capabilities, agent string) ([]byte, error) {
	if q.depth > 0 && !caps.shallow {
		return nil, fmt.Errorf("%w: the server cannot send a commit without its history", giterr.ErrProtocol)
	}
	if caps.isOld {
		return q.encodeOld(caps, agent)
	}

	b := caps.appendCommand(nil, "fetch", agent)
	// Without thin-pack the server would send again everything that have contains.
	for _, line := range []string{"thin-pack", "no-progress", "ofs-delta"} {
		if line != "thin-pack" || !q.haveHistory {
			b = pktline.Append(b, line)
		}
	}

	if q.sendsShallow() {
		b = pktline.Append(b, "shallow "+q.have.String())
	}

	if q.depth > 0 {
		b = pktline.Append(b, "deepen "+strconv.Itoa(q.depth))
	}

	if q.filter != "" {
		b = pktline.Append(b, "filter "+q.filter)
	}

	for _, id := range q.want {
		b = pktline.Append(b, "want "+id.String())
	}

	if !q.have.IsZero() {
		b = pktline.Append(b, "have "+q.have.String())
	}

	b = pktline.Append(b, "done")
	return append(b, "0000"...), nil
}

// sendsShallow reports whether the request states that the history of have is not known.
func (q fetchRequest) sendsShallow() bool { return !q.have.IsZero() && !q.haveHistory }

// fetch requests and reads a pack. build returns the request for a server's capabilities, and
// what to keep of the answer.
func (r *Remote) fetch(
	ctx context.Context, build func(capabilities) (fetchRequest, packfile.Policy, error),
) (packfile.Pack, error) {
	var got packfile.Pack
	var policy packfile.Policy
	skip := skipToPack
	encode := func(caps capabilities) ([]byte, error) {
		request, p, err := build(caps)
		if err != nil {
			return nil, err
		}

		if policy = p; caps.isOld {
			skip = skipToOldPack
		} else {
			skip = skipToPack
		}

		return request.encode(caps, r.agent)
	}
	err := r.command(ctx, nil, encode, func(p *pktline.Reader) error {
		p.SetLimit(policy.WireBytes)
		band, err := skip(p)
		if err == nil {
			got, err = packfile.Read(band, policy)
		}

		if err == nil {
			err = band.Drain()
		}

		return explainLimit(policy, err)
	})

	return got, err
}

// explainLimit adds to a limit error why so much was read.
func explainLimit(policy packfile.Policy, err error) error {
	if !policy.AllBlobs || !errors.Is(err, giterr.ErrLimit) {
		return err
	}
	return fmt.Errorf("%w; this server sends a commit with all its files or not at all,"+
		" and at most %d bytes are read", err, policy.WireBytes)
}

// skipToPack skips the sections before the pack, which matter only to clients that keep a
// repository.
func skipToPack(lines *pktline.Reader) (*pktline.Sideband, error) {
	for {
		kind, line, err := lines.NextText()
		if err != nil {
			return nil, err
		}
		if kind == pktline.Flush || kind == pktline.ResponseEnd {
			return nil, fmt.Errorf("%w: an answer without a pack", giterr.ErrProtocol)
		}

		if kind == pktline.Data && line == "packfile" {
			return pktline.NewSideband(lines), nil
		}
	}
}

// sorted returns ids in order, each once.
func sorted(ids []object.ID) []object.ID {
	slices.SortFunc(ids, object.ID.Compare)
	return slices.Compact(ids)
}

package gitwire

import (
	"fmt"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
)

// A refLine is one line of an answer to ls-refs.
type refLine struct {
	name   string
	id     object.ID // zero if the ref is unborn
	target string    // of a symbolic ref, if requested
}

func lsRefsRequest(c capabilities, agent string, names []string) []byte {
	b := c.appendCommand(nil, "ls-refs", agent)
	for _, name := range names {
		b = pktline.Append(b, "ref-prefix "+name)
	}
	return append(b, "0000"...)
}

func headRequest(c capabilities, agent string) []byte {
	b := c.appendCommand(nil, "ls-refs", agent)
	b = pktline.Append(b, "symrefs")
	if c.unborn {
		b = pktline.Append(b, "unborn")
	}
	b = pktline.Append(b, "ref-prefix HEAD")
	return append(b, "0000"...)
}

// readRefs calls handle for every line of an answer. A prefix also matches longer names, so
// handle compares them.
func readRefs(lines *pktline.Reader, handle func(refLine)) error {
	for {
		kind, line, err := lines.NextText()
		if err != nil {
			return err
		}

		switch kind {
		case pktline.Flush:
			lines.Finish()
			return nil
		case pktline.Data:
			ref, err := parseRef(line)
			if err != nil {
				return err
			}

			handle(ref)

		default:
			return fmt.Errorf("%w: a section in the list of refs", giterr.ErrProtocol)
		}
	}
}

// parseRef parses "<id> <name>[ symref-target:<name>][ peeled:<id>]". The ID of a ref without a
// commit is the word unborn.
func parseRef(line string) (refLine, error) {
	id, rest, _ := strings.Cut(line, " ")
	name, attributes, _ := strings.Cut(rest, " ")
	ref := refLine{name: name}
	if name == "" {
		return ref, fmt.Errorf("%w: bad line in the list of refs: %s", giterr.ErrProtocol, giterr.Quote([]byte(line)))
	}

	if id != "unborn" {
		var err error
		if ref.id, err = object.ParseID(id); err != nil {
			return ref, err
		}
	}

	for attribute := range strings.SplitSeq(attributes, " ") {
		if target, ok := strings.CutPrefix(attribute, "symref-target:"); ok {
			ref.target = target
		}
	}

	return ref, nil
}

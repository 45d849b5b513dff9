package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/signature"
)

// Signers are the signers of a sync configuration, as two texts of
// PutSignaturePolicy that are set and removed together. The zero Signers accept
// commits without a signature.
type Signers struct {
	Allowed string // in the allowed_signers format of OpenSSH
	Keys    string // OpenPGP keys in ASCII armor
}

// The keys of a manifest's signers.
const (
	allowedKey = "allowed-signers"
	keysKey    = "public-keys"
)

// A signersParser parses the two keys with the signers of a sync configuration.
type signersParser struct {
	Signers
	allowedNode, keysNode *yaml.Node // nil if the file does not have the key
}

// key parses one of the keys. Unlike other texts it may be empty, which removes the
// signers.
func (s *signersParser) key(p *parser, name string, found **yaml.Node, into *string) key {
	return key{name: name, read: func(node *yaml.Node) {
		*found = node
		if node.Kind == yaml.ScalarNode && node.Tag == "!!str" && node.Value == "" {
			return
		}
		p.scalar(node, name, "SignerList", into)
	}}
}

// signers returns the signers, or nil if the file has neither key. It checks them
// as the server does.
func (s *signersParser) signers(p *parser) *Signers {
	if s.allowedNode == nil && s.keysNode == nil {
		return nil
	}
	if s.Signers == (Signers{}) {
		return &s.Signers
	}

	if _, err := signature.Parse(s.Allowed, s.Keys); err != nil {
		node := s.allowedNode
		if _, allowedErr := signature.Parse(s.Allowed, ""); s.Allowed == "" || s.Keys != "" && allowedErr == nil {
			node = s.keysNode
		}

		p.problem(positionOf(node), "the signers are not valid: %s", strings.TrimSuffix(lockstep.Shown(err), "."))
	}

	return &s.Signers
}

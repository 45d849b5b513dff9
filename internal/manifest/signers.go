package manifest

import (
	"context"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/signature"
	"github.com/lockstephq/lockstep/internal/wire"
)

// Signers are who may sign the commits of a configuration, both texts as
// PutSignaturePolicy takes them. They are one thing, written and taken away as a
// whole. The zero Signers ask that commits need no signature.
type Signers struct {
	Allowed string // OpenSSH's allowed_signers form
	Keys    string // OpenPGP, in ASCII armour
}

const (
	allowedKey = "allowed-signers"
	keysKey    = "public-keys"
)

// A signersReader reads the two keys of a configuration that say who may sign.
type signersReader struct {
	Signers
	allowed, keys *yaml.Node // nil where the file has no such key
}

// key reads one of the two. Unlike other texts it may be empty: so a file takes
// signers away.
func (s *signersReader) key(r *parser, name string, node **yaml.Node, into *string) key {
	return key{name: name, read: func(n *yaml.Node) {
		*node = n
		if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
			return
		}
		r.scalar(n, name, "SignerList", into)
	}}
}

// signers gives what was read, nil where the file asks for nothing. What the
// server would refuse is refused here, by the server's own check.
func (s *signersReader) signers(r *parser) *Signers {
	if s.allowed == nil && s.keys == nil {
		return nil
	}
	if s.Signers == (Signers{}) {
		return &s.Signers
	}

	if _, err := signature.Parse(s.Allowed, s.Keys); err != nil {
		n := s.allowed
		if _, alone := signature.Parse(s.Allowed, ""); s.Allowed == "" || s.Keys != "" && alone == nil {
			n = s.keys
		}

		r.wrong(at(n), "the server would refuse who may sign: %s", strings.TrimSuffix(lockstep.Shown(err), "."))
	}

	return &s.Signers
}

// signers are not asked for when they are nil; the server's are nil when commits
// need no signature.
func (d *difference) signers(want, have *Signers) {
	if want == nil {
		return
	}

	if have == nil {
		have = &Signers{}
	}

	for _, part := range []struct{ name, want, have string }{
		{allowedKey, want.Allowed, have.Allowed}, {keysKey, want.Keys, have.Keys},
	} {
		switch {
		case part.want == part.have:
		case part.want == "":
			*d = append(*d, part.name+" removed")
		default:
			*d = append(*d, part.name)
		}
	}
}

// signers reads who may sign, for all configurations at once. Of one that was
// made or deleted meanwhile nothing is kept.
func (s *reader) signers(ctx context.Context) error {
	all, err := client.All(s.client.SignaturePolicies(ctx))
	if err != nil {
		return err
	}

	found := map[string]*Signers{}
	for _, p := range all {
		found[Configuration{Type: p.SyncType, Resource: p.ResourceName}.ID()] = &Signers{Allowed: p.AllowedSigners, Keys: p.PublicKeys}
	}

	for i, c := range s.found.Configurations {
		s.found.Configurations[i].Signers = found[c.ID()]
	}

	return nil
}

// sign says who may sign for a configuration that is there, if that differs.
func (a *applier) sign(ctx context.Context, want, have Configuration) (err error) {
	var d difference
	d.signers(want.Signers, have.Signers)
	switch {
	case len(d) == 0:
	case *want.Signers == Signers{}:
		_, err = a.client.DeleteSignaturePolicy(ctx, &wire.DeleteSignaturePolicyInput{SyncType: want.Type, ResourceName: want.Resource})
	default:
		_, err = a.client.PutSignaturePolicy(ctx, &wire.PutSignaturePolicyInput{SyncType: want.Type, ResourceName: want.Resource,
			AllowedSigners: want.Signers.Allowed, PublicKeys: want.Signers.Keys})
	}
	return err
}

// createSigned makes a configuration with its signers in one request: between two
// a commit could be synced that none of them signed.
func (a *applier) createSigned(ctx context.Context, w Configuration) error {
	_, err := a.client.CreateSignedSyncConfiguration(ctx, &wire.CreateSignedSyncConfigurationInput{
		ResourceName: w.Resource, SyncType: w.Type, RepositoryLinkId: *a.address(LinkKind, w.Link),
		Branch: w.Branch, ConfigFile: w.File, RoleArn: w.Role, TriggerResourceUpdateOn: w.Trigger,
		PublishDeploymentStatus: w.PublishDeploymentStatus, PullRequestComment: w.PullRequestComment,
		AllowedSigners: w.Signers.Allowed, PublicKeys: w.Signers.Keys})
	return err
}

package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateHost makes a host. Its endpoint is not asked whether it is there.
func (s *Service) CreateHost(ctx context.Context, c Caller, in *wire.CreateHostInput) (*wire.CreateHostOutput, error) {
	p, err := s.provider(lockstep.ProviderType(in.ProviderType))
	if err != nil {
		return nil, err
	}
	if err := p.checkEndpoint(in.ProviderEndpoint); err != nil {
		return nil, err
	}

	tags, around, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}

	h := lockstep.Host{
		ARN:          c.arn("host", hostID(in.Name)),
		Account:      c.Account,
		Region:       c.Region,
		Name:         in.Name,
		ProviderType: lockstep.ProviderType(in.ProviderType),
		Endpoint:     in.ProviderEndpoint,
		Status:       lockstep.HostAvailable,
		VPC:          newVPC(in.VpcConfiguration),
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := c.with(tx, "codeconnections:CreateHost", theHost(h).but(nil), around); err != nil {
			return err
		}
		if err := c.room(tx, store.CountHosts, s.o.Quotas.Hosts, "hosts"); err != nil {
			return err
		}
		if err := store.InsertHost(tx, &h); err != nil {
			return err
		}

		return c.tagNew(tx, theHost(h), h.ARN, tags, around)
	})
	if err != nil {
		return nil, err
	}

	return &wire.CreateHostOutput{HostArn: string(h.ARN), Tags: in.Tags}, nil
}

// GetHost reads a host.
func (s *Service) GetHost(ctx context.Context, c Caller, in *wire.GetHostInput) (*wire.GetHostOutput, error) {
	var h lockstep.Host
	const action = "codeconnections:GetHost"
	err := s.read(ctx, c, action, policy.Host, func(tx *db.Tx) (err error) {
		h, err = store.Host(tx, c.Account, c.Region, lockstep.ARN(in.HostArn))
		if err != nil {
			return err
		}
		return c.on(tx, action, theHost(h))
	})
	if err != nil {
		return nil, err
	}

	shown := showHost(h)
	return &wire.GetHostOutput{
		Name:             shown.Name,
		Status:           shown.Status,
		ProviderType:     shown.ProviderType,
		ProviderEndpoint: shown.ProviderEndpoint,
		VpcConfiguration: shown.VpcConfiguration,
	}, nil
}

// ListHosts reads hosts, oldest first.
func (s *Service) ListHosts(ctx context.Context, c Caller, in *wire.ListHostsInput) (*wire.ListHostsOutput, error) {
	if err := c.onAccount("codeconnections:ListHosts"); err != nil {
		return nil, err
	}

	list := s.listing(c, "hosts")
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListHostsOutput{Hosts: []wire.Host{}}
	err = s.list(ctx, c, policy.Host, func(tx *db.Tx) error {
		hosts, next, err := visible(tx, c, policy.Host, page, func(p store.Page) ([]lockstep.Host, store.Cursor, error) {
			return store.Hosts(tx, c.Account, c.Region, p)
		}, theHost)
		if err != nil {
			return err
		}

		for _, h := range hosts {
			out.Hosts = append(out.Hosts, showHost(h))
		}

		out.NextToken, err = list.token(next)
		return err
	})

	return out, err
}

// UpdateHost changes what is given and leaves the rest. A host that moves to
// another origin takes its connections back to PENDING: what they hold was given
// for the one before.
func (s *Service) UpdateHost(ctx context.Context, c Caller, in *wire.UpdateHostInput) (*wire.UpdateHostOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		h, err := store.LockHost(tx, c.Account, c.Region, lockstep.ARN(in.HostArn))
		if err != nil {
			return err
		}
		if err := c.on(tx, "codeconnections:UpdateHost", theHost(h)); err != nil {
			return err
		}

		if err := settledHost(h); err != nil {
			return err
		}

		before := h.Endpoint
		if in.ProviderEndpoint != "" {
			if err := s.move(tx, c, &h, in.ProviderEndpoint); err != nil {
				return err
			}
		}

		if in.VpcConfiguration != nil {
			h.VPC = newVPC(in.VpcConfiguration)
		}

		if err := store.UpdateHost(tx, h); err != nil || netaddr.SameOriginURLs(before, h.Endpoint) {
			return err
		}

		return store.ForgetCredentials(tx, h.ARN)
	})

	return &wire.UpdateHostOutput{}, err
}

// move gives a host another endpoint, which must be one that the caller may
// give it.
func (s *Service) move(tx *db.Tx, c Caller, h *lockstep.Host, endpoint string) error {
	p, err := s.provider(h.ProviderType)
	if err != nil {
		return err
	}
	if err := p.checkEndpoint(endpoint); err != nil {
		return err
	}
	h.Endpoint = endpoint
	return c.becomes(tx, "codeconnections:UpdateHost", theHost(*h))
}

// settledHost refuses to touch a host while its network is being set up or
// taken down, as AWS does.
func settledHost(h lockstep.Host) error {
	if h.Status == lockstep.HostVPCInitializing || h.Status == lockstep.HostVPCDeleting {
		return lockstep.Errorf(lockstep.Unavailable, "Host %s is %s.", h.ARN, h.Status)
	}
	return nil
}

// DeleteHost removes a host that no connection uses.
func (s *Service) DeleteHost(ctx context.Context, c Caller, in *wire.DeleteHostInput) (*wire.DeleteHostOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		h, err := store.LockHost(tx, c.Account, c.Region, lockstep.ARN(in.HostArn))
		if err != nil {
			return err
		}
		if err := c.on(tx, "codeconnections:DeleteHost", theHost(h)); err != nil {
			return err
		}

		if err := settledHost(h); err != nil {
			return err
		}

		return store.DeleteHost(tx, c.Account, c.Region, h.ARN)
	})

	return &wire.DeleteHostOutput{}, err
}

// provider finds what is known of a provider type. Invalid where there is no
// driver.
func (s *Service) provider(t lockstep.ProviderType) (Provider, error) {
	p, ok := s.o.Providers[t]
	if !ok {
		return p, lockstep.Errorf(lockstep.Invalid, "Provider type %s is not supported by this server.", t)
	}
	return p, nil
}

func (p Provider) checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "" || u.Host == "" && u.Path == "":
		return lockstep.Errorf(lockstep.Invalid, "ProviderEndpoint must be a URL such as https://git.example.com.")
	case u.User != nil:
		return lockstep.Errorf(lockstep.Invalid, "ProviderEndpoint must hold no user name and no password: give these to the connection.")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(endpoint, "#"):
		return lockstep.Errorf(lockstep.Invalid, "ProviderEndpoint must have no query and no fragment.")
	}

	if p.ValidEndpoint == nil {
		return nil
	}

	return p.ValidEndpoint(endpoint)
}

// hostID makes the last part of a host's ARN: the letters and digits of its
// name, and eight random digits.
func hostID(name string) string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, name)
	var random [4]byte
	// crypto/rand ends the program rather than fail.
	_, _ = rand.Read(random[:])
	return id + "-" + hex.EncodeToString(random[:])
}

func newVPC(v *wire.VpcConfiguration) *lockstep.VPCConfiguration {
	if v == nil {
		return nil
	}
	return &lockstep.VPCConfiguration{
		VPCID:            v.VpcId,
		SubnetIDs:        v.SubnetIds,
		SecurityGroupIDs: v.SecurityGroupIds,
		TLSCertificate:   v.TlsCertificate,
	}
}

func showHost(h lockstep.Host) wire.Host {
	shown := wire.Host{
		Name:             h.Name,
		HostArn:          string(h.ARN),
		ProviderType:     string(h.ProviderType),
		ProviderEndpoint: h.Endpoint,
		Status:           string(h.Status),
		StatusMessage:    h.StatusMessage,
	}
	if v := h.VPC; v != nil {
		shown.VpcConfiguration = &wire.VpcConfiguration{
			VpcId:            v.VPCID,
			SubnetIds:        v.SubnetIDs,
			SecurityGroupIds: v.SecurityGroupIDs,
			TlsCertificate:   v.TLSCertificate,
		}
	}

	return shown
}

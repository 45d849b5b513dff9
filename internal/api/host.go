package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateHost makes a host. Its endpoint is not asked whether it is there.
func (s *Service) CreateHost(ctx context.Context, caller access.Caller, input *wire.CreateHostInput) (*wire.CreateHostOutput, error) {
	rules, err := s.provider(lockstep.ProviderType(input.ProviderType))
	if err != nil {
		return nil, err
	}
	if err := rules.checkEndpoint(input.ProviderEndpoint); err != nil {
		return nil, err
	}

	tags, around, err := newTags(input.Tags)
	if err != nil {
		return nil, err
	}

	host := lockstep.Host{
		ARN:          caller.NewARN("host", hostID(input.Name)),
		Account:      caller.Account,
		Region:       caller.Region,
		Name:         input.Name,
		ProviderType: lockstep.ProviderType(input.ProviderType),
		Endpoint:     input.ProviderEndpoint,
		Status:       lockstep.HostAvailable,
		VPC:          newVPC(input.VpcConfiguration),
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := caller.AuthorizeTagged(tx, "codeconnections:CreateHost", access.HostSubject(host).WithNotFound(nil), around); err != nil {
			return err
		}
		if err := access.CheckQuota(tx, store.CountHosts, caller.Scope(), s.o.Quotas.Hosts, "hosts"); err != nil {
			return err
		}
		if err := store.InsertHost(tx, &host); err != nil {
			return err
		}

		return addTags(tx, caller, access.HostSubject(host), host.ARN, tags, around)
	})
	if err != nil {
		return nil, err
	}

	return &wire.CreateHostOutput{HostArn: string(host.ARN), Tags: input.Tags}, nil
}

// GetHost reads a host.
func (s *Service) GetHost(ctx context.Context, caller access.Caller, input *wire.GetHostInput) (*wire.GetHostOutput, error) {
	var host lockstep.Host
	const action = "codeconnections:GetHost"
	err := s.view(ctx, caller, action, policy.Host, func(tx *db.Tx) (err error) {
		host, err = store.Host(tx, caller.Account, caller.Region, lockstep.ARN(input.HostArn))
		if err != nil {
			return err
		}
		return caller.Authorize(tx, action, access.HostSubject(host))
	})
	if err != nil {
		return nil, err
	}

	shown := showHost(host)
	return &wire.GetHostOutput{
		Name:             shown.Name,
		Status:           shown.Status,
		ProviderType:     shown.ProviderType,
		ProviderEndpoint: shown.ProviderEndpoint,
		VpcConfiguration: shown.VpcConfiguration,
	}, nil
}

// ListHosts reads hosts, oldest first.
func (s *Service) ListHosts(ctx context.Context, caller access.Caller, input *wire.ListHostsInput) (*wire.ListHostsOutput, error) {
	if err := caller.AuthorizeAccount("codeconnections:ListHosts"); err != nil {
		return nil, err
	}

	list := access.NewList(s.o.Seal, caller, "hosts")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListHostsOutput{Hosts: []wire.Host{}}
	err = s.viewList(ctx, caller, policy.Host, func(tx *db.Tx) error {
		hosts, next, err := access.Visible(tx, caller, policy.Host, page, func(p db.Page) ([]lockstep.Host, db.Cursor, error) {
			return store.Hosts(tx, caller.Account, caller.Region, p)
		}, access.HostSubject)
		if err != nil {
			return err
		}

		for _, h := range hosts {
			out.Hosts = append(out.Hosts, showHost(h))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// UpdateHost changes what is given and leaves the rest. A host that moves to
// another origin takes its connections back to PENDING: what they hold was given
// for the one before.
func (s *Service) UpdateHost(ctx context.Context, caller access.Caller, input *wire.UpdateHostInput) (*wire.UpdateHostOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		host, err := store.LockHost(tx, caller.Account, caller.Region, lockstep.ARN(input.HostArn))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "codeconnections:UpdateHost", access.HostSubject(host)); err != nil {
			return err
		}

		if err := validateHost(host); err != nil {
			return err
		}

		before := host.Endpoint
		if input.ProviderEndpoint != "" {
			if err := s.setEndpoint(tx, caller, &host, input.ProviderEndpoint); err != nil {
				return err
			}
		}

		if input.VpcConfiguration != nil {
			host.VPC = newVPC(input.VpcConfiguration)
		}

		if err := store.UpdateHost(tx, host); err != nil || netaddr.SameOriginURLs(before, host.Endpoint) {
			return err
		}

		return store.ForgetCredentials(tx, host.ARN)
	})

	return &wire.UpdateHostOutput{}, err
}

// setEndpoint gives a host another endpoint, which must be one that the caller may
// give it.
func (s *Service) setEndpoint(tx *db.Tx, caller access.Caller, host *lockstep.Host, endpoint string) error {
	rules, err := s.provider(host.ProviderType)
	if err != nil {
		return err
	}
	if err := rules.checkEndpoint(endpoint); err != nil {
		return err
	}
	host.Endpoint = endpoint
	return caller.AuthorizeResult(tx, "codeconnections:UpdateHost", access.HostSubject(*host))
}

// validateHost refuses to touch a host while its network is being set up or
// taken down, as AWS does.
func validateHost(h lockstep.Host) error {
	if h.Status == lockstep.HostVPCInitializing || h.Status == lockstep.HostVPCDeleting {
		return lockstep.Errorf(lockstep.Unavailable, "Host %s is %s.", h.ARN, h.Status)
	}
	return nil
}

// DeleteHost removes a host that no connection uses.
func (s *Service) DeleteHost(ctx context.Context, caller access.Caller, in *wire.DeleteHostInput) (*wire.DeleteHostOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		host, err := store.LockHost(tx, caller.Account, caller.Region, lockstep.ARN(in.HostArn))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "codeconnections:DeleteHost", access.HostSubject(host)); err != nil {
			return err
		}

		if err := validateHost(host); err != nil {
			return err
		}

		return store.DeleteHost(tx, caller.Account, caller.Region, host.ARN)
	})

	return &wire.DeleteHostOutput{}, err
}

// provider finds what is known of a provider type. Invalid where there is no
// driver.
func (s *Service) provider(t lockstep.ProviderType) (Provider, error) {
	rules, ok := s.o.Providers[t]
	if !ok {
		return rules, lockstep.Errorf(lockstep.Invalid, "Provider type %s is not supported by this server.", t)
	}
	return rules, nil
}

func (p Provider) checkEndpoint(endpoint string) error {
	address, err := url.Parse(endpoint)
	switch {
	case err != nil || address.Scheme == "" || address.Opaque != "" || address.Host == "" && address.Path == "":
		return lockstep.Errorf(lockstep.Invalid, "ProviderEndpoint must be a URL such as https://git.example.com.")
	case address.User != nil:
		return lockstep.Errorf(lockstep.Invalid, "ProviderEndpoint must hold no user name and no password: give these to the connection.")
	case address.RawQuery != "" || address.ForceQuery || strings.Contains(endpoint, "#"):
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

func newVPC(vpc *wire.VpcConfiguration) *lockstep.VPCConfiguration {
	if vpc == nil {
		return nil
	}
	return &lockstep.VPCConfiguration{
		VPCID:            vpc.VpcId,
		SubnetIDs:        vpc.SubnetIds,
		SecurityGroupIDs: vpc.SecurityGroupIds,
		TLSCertificate:   vpc.TlsCertificate,
	}
}

func showHost(host lockstep.Host) wire.Host {
	shown := wire.Host{
		Name:             host.Name,
		HostArn:          string(host.ARN),
		ProviderType:     string(host.ProviderType),
		ProviderEndpoint: host.Endpoint,
		Status:           string(host.Status),
		StatusMessage:    host.StatusMessage,
	}
	if vpc := host.VPC; vpc != nil {
		shown.VpcConfiguration = &wire.VpcConfiguration{
			VpcId:            vpc.VPCID,
			SubnetIds:        vpc.SubnetIDs,
			SecurityGroupIds: vpc.SecurityGroupIDs,
			TlsCertificate:   vpc.TLSCertificate,
		}
	}

	return shown
}

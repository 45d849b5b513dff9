package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateHost creates a host. It does not connect to the endpoint.
func (s *Service) CreateHost(
	ctx context.Context, caller access.Caller, input *wire.CreateHostInput,
) (*wire.CreateHostOutput, error) {
	rules, err := s.providerRules(lockstep.ProviderType(input.ProviderType))
	if err != nil {
		return nil, err
	}
	if err := rules.checkEndpoint(input.ProviderEndpoint); err != nil {
		return nil, err
	}

	tags, request, err := parseTags(input.Tags)
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
		VPC:          conversion.FromWireVPC(input.VpcConfiguration),
	}
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		subject := access.HostSubject(host).WithNotFound(nil)
		if err := caller.AuthorizeTagged(tx, "codeconnections:CreateHost", subject, request); err != nil {
			return err
		}
		if err := access.CheckQuota(tx, store.CountHosts, caller.Scope(), s.options.Quotas.Hosts, "hosts"); err != nil {
			return err
		}
		if err := store.InsertHost(tx, &host); err != nil {
			return err
		}

		return addTags(tx, caller, access.HostSubject(host), host.ARN, tags, request)
	})
	if err != nil {
		return nil, err
	}

	return &wire.CreateHostOutput{HostArn: string(host.ARN), Tags: input.Tags}, nil
}

// GetHost returns a host.
func (s *Service) GetHost(
	ctx context.Context, caller access.Caller, input *wire.GetHostInput,
) (*wire.GetHostOutput, error) {
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

	shown := conversion.ToWireHost(host)
	return &wire.GetHostOutput{
		Name:             shown.Name,
		Status:           shown.Status,
		ProviderType:     shown.ProviderType,
		ProviderEndpoint: shown.ProviderEndpoint,
		VpcConfiguration: shown.VpcConfiguration,
	}, nil
}

// ListHosts returns hosts, oldest first.
func (s *Service) ListHosts(
	ctx context.Context, caller access.Caller, input *wire.ListHostsInput,
) (*wire.ListHostsOutput, error) {
	if err := caller.AuthorizeAccount("codeconnections:ListHosts"); err != nil {
		return nil, err
	}

	list := access.NewList(s.options.Seal, caller, "hosts")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListHostsOutput{Hosts: []wire.Host{}}
	err = s.viewList(ctx, caller, policy.Host, func(tx *db.Tx) error {
		hosts, next, err := access.Visible(tx, caller, policy.Host, page,
			func(page db.Page) ([]lockstep.Host, db.Cursor, error) {
				return store.Hosts(tx, caller.Account, caller.Region, page)
			}, access.HostSubject)
		if err != nil {
			return err
		}

		for _, h := range hosts {
			out.Hosts = append(out.Hosts, conversion.ToWireHost(h))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// UpdateHost changes the members that are given. If the host moves to another
// origin, its connections lose their credentials and are PENDING.
//
// The credentials were given for the old origin and must not be sent to another.
func (s *Service) UpdateHost(
	ctx context.Context, caller access.Caller, input *wire.UpdateHostInput,
) (*wire.UpdateHostOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		host, err := lockHost(tx, caller, "codeconnections:UpdateHost", input.HostArn)
		if err != nil {
			return err
		}

		before := host.Endpoint
		if input.ProviderEndpoint != "" {
			if err := s.setEndpoint(tx, caller, &host, input.ProviderEndpoint); err != nil {
				return err
			}
		}

		if input.VpcConfiguration != nil {
			host.VPC = conversion.FromWireVPC(input.VpcConfiguration)
		}

		if err := store.UpdateHost(tx, host); err != nil || netaddr.SameOriginURLs(before, host.Endpoint) {
			return err
		}

		return store.DeleteCredentialsOfHost(tx, host.ARN)
	})

	return &wire.UpdateHostOutput{}, err
}

// setEndpoint sets the endpoint of a host, and authorizes the result.
func (s *Service) setEndpoint(tx *db.Tx, caller access.Caller, host *lockstep.Host, endpoint string) error {
	rules, err := s.providerRules(host.ProviderType)
	if err != nil {
		return err
	}
	if err := rules.checkEndpoint(endpoint); err != nil {
		return err
	}
	host.Endpoint = endpoint
	return caller.AuthorizeResult(tx, "codeconnections:UpdateHost", access.HostSubject(*host))
}

// lockHost returns a host for an action that changes it, and locks it. As at AWS,
// it is Unavailable while its network is being set up or taken down.
func lockHost(tx *db.Tx, caller access.Caller, action, arn string) (lockstep.Host, error) {
	host, err := store.LockHost(tx, caller.Account, caller.Region, lockstep.ARN(arn))
	if err != nil {
		return host, err
	}
	if err := caller.Authorize(tx, action, access.HostSubject(host)); err != nil {
		return host, err
	}

	if host.Status == lockstep.HostVPCInitializing || host.Status == lockstep.HostVPCDeleting {
		return host, lockstep.Errorf(lockstep.Unavailable, "Host %s is %s.", host.ARN, host.Status)
	}

	return host, nil
}

// DeleteHost deletes a host. No connection may use it.
func (s *Service) DeleteHost(
	ctx context.Context, caller access.Caller, input *wire.DeleteHostInput,
) (*wire.DeleteHostOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		host, err := lockHost(tx, caller, "codeconnections:DeleteHost", input.HostArn)
		if err != nil {
			return err
		}

		return store.DeleteHost(tx, caller.Account, caller.Region, host.ARN)
	})

	return &wire.DeleteHostOutput{}, err
}

// providerRules returns the rules of a provider type, or Invalid if it has no driver.
func (s *Service) providerRules(t lockstep.ProviderType) (Provider, error) {
	rules, ok := s.options.Providers[t]
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
		return lockstep.Errorf(lockstep.Invalid,
			"ProviderEndpoint must not contain a user name or a password. Give them to the connection with "+
				"CompleteConnection.")
	case address.RawQuery != "" || address.ForceQuery || strings.Contains(endpoint, "#"):
		return lockstep.Errorf(lockstep.Invalid, "ProviderEndpoint must not have a query or a fragment.")
	}

	if p.ValidEndpoint == nil {
		return nil
	}

	return p.ValidEndpoint(endpoint)
}

// hostID returns the last part of a host's ARN: the letters and digits of its name,
// and eight random digits.
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

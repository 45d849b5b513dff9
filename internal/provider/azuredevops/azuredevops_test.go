package azuredevops_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// wrong returns a credential like another, which is not known.
func wrong(c lockstep.Credential) lockstep.Credential {
	c.Secret = "wrong-" + c.Secret
	return c
}

func TestDriver(t *testing.T) {
	for _, credential := range []lockstep.Credential{
		token(),
		{Kind: lockstep.BasicCredential, Username: "ann", Secret: canary},
		{Kind: lockstep.OAuthCredential, Secret: canary},
	} {
		for _, noFilter := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, no filter %t", credential.Kind, noFilter), func(t *testing.T) {
				providertest.Test(t, func(t *testing.T) providertest.Fixture {
					server := newHost(t, credential, gitwiretest.Options{NoFilter: noFilter})
					return providertest.Fixture{
						Repo: server.repo, Version0: true, NoFilter: noFilter,
						Open: func(t testing.TB, right bool) provider.Client {
							if !right {
								return server.open(t, wrong(credential))
							}
							return server.open(t, credential)
						},
						Fail: func(status int, header http.Header) { server.Fail(status, header) },
					}
				})
			})
		}
	}
}

func TestAbilities(t *testing.T) {
	for _, credential := range []lockstep.Credential{token(), {Kind: lockstep.OAuthCredential, Secret: canary}} {
		t.Run(string(credential.Kind), func(t *testing.T) {
			providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
				server := newHost(t, credential, gitwiretest.Options{})
				return providertest.CapabilityFixture{
					Host: server, Repo: server.repo, Fail: server.fail, OneProgress: true,
					Open: func(t testing.TB, right bool) provider.Client {
						if !right {
							return server.open(t, wrong(credential))
						}
						return server.open(t, credential)
					},
				}
			})
		})
	}
}

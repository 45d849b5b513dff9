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
	for _, c := range []lockstep.Credential{
		token(),
		{Kind: lockstep.BasicCredential, Username: "ann", Secret: canary},
		{Kind: lockstep.OAuthCredential, Secret: canary},
	} {
		for _, noFilter := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, no filter %t", c.Kind, noFilter), func(t *testing.T) {
				providertest.Test(t, func(t *testing.T) providertest.Fixture {
					h := newHost(t, c, gitwiretest.Options{NoFilter: noFilter})
					return providertest.Fixture{
						Repo: h.repo, Version0: true, NoFilter: noFilter,
						Open: func(t testing.TB, right bool) provider.Client {
							if !right {
								return h.open(t, wrong(c))
							}
							return h.open(t, c)
						},
						Fail: func(status int, header http.Header) { h.Fail(status, header) },
					}
				})
			})
		}
	}
}

func TestAbilities(t *testing.T) {
	for _, c := range []lockstep.Credential{token(), {Kind: lockstep.OAuthCredential, Secret: canary}} {
		t.Run(string(c.Kind), func(t *testing.T) {
			providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
				h := newHost(t, c, gitwiretest.Options{})
				return providertest.CapabilityFixture{
					Host: h, Repo: h.repo, Fail: h.fail, OneProgress: true,
					Open: func(t testing.TB, right bool) provider.Client {
						if !right {
							return h.open(t, wrong(c))
						}
						return h.open(t, c)
					},
				}
			})
		})
	}
}

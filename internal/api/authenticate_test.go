package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	newPrefix = "com.amazonaws.codeconnections.CodeConnections_20231201"
	oldPrefix = "com.amazonaws.codestar.connections.CodeStar_connections_20191201"
	ourPrefix = "Lockstep_20261122"
)

func TestUnknownCallersAreRefusedAsAtAWS(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	disabled := w.CreateKey(account, identity.Admin)
	w.Update(func(tx *db.Tx) error { return identity.DisableKey(tx, disabled.AccessKeyID) })
	key := func(id, secret string) identity.AccessKey {
		return identity.AccessKey{Principal: identity.Principal{AccessKeyID: id}, Secret: seal.NewSecret(secret)}
	}
	admin, right := w.Key.AccessKeyID, w.Key.Secret.Reveal()
	unknown := admin[:len(admin)-1] + "A"
	if unknown == admin {
		unknown = admin[:len(admin)-1] + "B"
	}
	wrong := "x" + right[1:]
	if wrong == right {
		wrong = "y" + right[1:]
	}

	for name, tc := range map[string]struct {
		key             identity.AccessKey
		service, region string
		code, says      string
	}{
		"unsigned": {key("", ""), "codeconnections", region, "MissingAuthenticationTokenException",
			"Missing Authentication Token"},
		"wrong secret": {key(admin, wrong), "codeconnections", region, "InvalidSignatureException",
			"does not match the signature you provided"},
		"unknown key": {key(unknown, right), "codeconnections", region, "UnrecognizedClientException",
			"security token included in the request is invalid"},
		"disabled key": {disabled, "codeconnections", region, "UnrecognizedClientException",
			"security token included in the request is invalid"},
		"AWS's own key": {
			key("AKIAIOSFODNN7EXAMPLE", right),
			"codeconnections",
			region,
			"UnrecognizedClientException",
			"A real AWS access key",
		},
		"AWS's session": {
			key("ASIAIOSFODNN7EXAMPLE", right),
			"codeconnections",
			region,
			"UnrecognizedClientException",
			"AWS_PROFILE=lockstep",
		},
		"other service": {
			w.Key,
			"codestar-connections",
			region,
			"InvalidSignatureException",
			"correct service: 'codeconnections'",
		},
		"odd region": {w.Key, "codeconnections", "EU_1", "InvalidSignatureException",
			"scoped to a valid region, not 'EU_1'"},
	} {
		status, body := w.Send(request{
			Key:     tc.key,
			Region:  tc.region,
			Service: tc.service,
			Target:  newPrefix + ".ListHosts",
			Body:    "{}",
		})
		if status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, status)
		}

		t.Run(name, func(t *testing.T) { apitest.ExpectError(t, apitest.DecodeError(t, body), tc.code, tc.says) })
	}
}

func TestSignatureIsForOneService(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for target, service := range map[string]string{
		newPrefix + ".ListHosts":                  "codeconnections",
		"CodeConnections_20231201.ListHosts":      "codeconnections",
		oldPrefix + ".ListHosts":                  "codestar-connections",
		"CodeStar_connections_20191201.ListHosts": "codestar-connections",
		ourPrefix + ".ListResourceSyncs":          "lockstep",
	} {
		if status, body := w.Send(w.NewRequest(service, target, "{}")); status != http.StatusOK {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
}

// operations are all that a service's model has, and whether they are answered.
func operations() map[string]bool {
	answered := map[string]bool{}
	for _, s := range wire.Services() {
		for _, op := range s.Operations {
			answered[s.Name+" "+s.Prefix+"."+op.Name] = true
		}
	}
	return answered
}

func TestReaderReadsAndNothingElse(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	reader := w.CreateKey(account, identity.Reader)
	for call, answered := range operations() {
		if !answered {
			continue
		}

		service, target, _ := strings.Cut(call, " ")
		operation := target[strings.LastIndexByte(target, '.')+1:]
		status, body := w.Send(request{
			Key:     reader,
			Region:  region,
			Service: service,
			Target:  target,
			Body:    "{}",
		})
		reads := strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List")
		if status == http.StatusOK {
			if !reads {
				t.Errorf("%s was done for a reader", target)
			}
			continue
		}

		apiErr := apitest.DecodeError(t, body)
		action := strings.Replace(service, "codestar-", "code", 1) + ":" + operation
		reads = reads && !administers(action)
		if denied := apiErr.Code == "AccessDeniedException"; denied == reads {
			t.Errorf("%s: a reader gets %v", target, apiErr)
		} else if want := "User: arn:aws:iam::111122223333:user/jo is not authorized to perform: " + action +
			" on resource: * because no policy allows the action"; denied && apiErr.Message != want {
			t.Errorf("%s: %q, want %q", target, apiErr.Message, want)
		}
	}
}

// administers reports whether an action is about keys, policies or roles.
func administers(action string) bool {
	return slices.ContainsFunc(policy.Actions(), func(a policy.Action) bool {
		return a.Name == action && a.Group == policy.Administer
	})
}

func TestMissingOperationsAreUnknown(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	calls := map[string]bool{
		"codeconnections " + newPrefix + ".CompleteConnection": false,
		"lockstep " + ourPrefix + ".ListHosts":                 false,
	}
	for call, answered := range operations() {
		calls[call] = answered
	}

	for call, answered := range calls {
		service, target, _ := strings.Cut(call, " ")
		_, body := w.Send(w.NewRequest(service, target, "{}"))
		if unknown := strings.Contains(string(body), "UnknownOperationException"); unknown == answered {
			t.Errorf("%s: %s", target, body)
		}
	}
}

package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

func TestAWebhookIsRegisteredWithItsHost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra")
		var out wire.RegisterRepositoryWebhookOutput
		register := func(url string) error {
			return w.Call("RegisterRepositoryWebhook", wire.RegisterRepositoryWebhookInput{
				RepositoryLinkId: link,
				Url:              url,
			}, &out)
		}
		for url, says := range map[string]string{"": "public-url", "https://": "",
			"https://ann:x@example.com": "https://HOST", "https://example.com?x": "https://HOST"} {
			if err := register(url); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %v", url, err)
			}
		}

		if err := register("https://lockstep.example.com/"); err != nil {
			t.Fatal(err)
		}

		if got := w.Syncs.Take(); len(got) != 1 || got[0] != "register "+out.Url+" with 43 characters" {
			t.Errorf("the host was told %q, the caller %+v", got, out)
		}

		var is wire.GetRepositoryWebhookOutput
		err := w.Call("GetRepositoryWebhook", wire.GetRepositoryWebhookInput{RepositoryLinkId: link}, &is)
		if err != nil {
			t.Fatal(err)
		}

		if got := "https://lockstep.example.com" + is.Path; got != out.Url {
			t.Errorf("URL = %q, want %q", got, out.Url)
		}

		if got := is.Kind; got != "GITHUB" {
			t.Errorf("Kind = %q, want GITHUB", got)
		}

		if got := out.Kind; got != "GITHUB" {
			t.Errorf("registered Kind = %q, want GITHUB", got)
		}

		var gone wire.DeleteRepositoryWebhookOutput
		remove := func() error {
			gone = wire.DeleteRepositoryWebhookOutput{}
			return w.Call("DeleteRepositoryWebhook", wire.DeleteRepositoryWebhookInput{RepositoryLinkId: link}, &gone)
		}
		if err := remove(); err != nil || gone.StillRegistered != "" {
			t.Errorf("removed: %+v, %v", gone, err)
		}

		if got := w.Syncs.Take(); len(got) != 1 || got[0] != "remove "+out.Url {
			t.Errorf("the host was told %q", got)
		}

		// A host that refuses, at first and at last.
		w.Syncs.WebhookErr = lockstep.Errorf(lockstep.Denied, "The token may not.")
		apitest.ExpectError(t, register("https://lockstep.example.com"), "InvalidInputException", "The token may not.")
		if err := remove(); err != nil || gone.StillRegistered != "" { // it was never registered
			t.Errorf("removed: %+v, %v", gone, err)
		}

		w.Syncs.WebhookErr = nil
		if err := register("https://lockstep.example.com"); err != nil {
			t.Fatal(err)
		}

		w.Syncs.WebhookErr = lockstep.Errorf(lockstep.Unavailable, "The host is away.")
		if err := remove(); err != nil || gone.StillRegistered != "The host is away." {
			t.Errorf("removed: %+v, %v", gone, err)
		}

		if err := remove(); err == nil {
			t.Errorf("it is still there")
		}
	})
}

func TestAWebhookIsRemovedFromItsHostWithItsLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		connection := w.createConnection("acme", w.createHost("h"))
		without, with := w.createRepositoryLink(connection, "docs"), w.createRepositoryLink(connection, "infra")
		var registered wire.RegisterRepositoryWebhookOutput
		err := w.Call("RegisterRepositoryWebhook", wire.RegisterRepositoryWebhookInput{
			RepositoryLinkId: with,
			Url:              "https://lockstep.example.com",
		}, &registered)
		if err != nil {
			t.Fatal(err)
		}
		w.Syncs.Take()

		for _, test := range []struct {
			link string
			want []string
		}{
			{link: without},
			{link: with, want: []string{"remove " + registered.Url}},
		} {
			apitest.Must[*codeconnections.DeleteRepositoryLinkOutput](t)(
				w.SDK().DeleteRepositoryLink(t.Context(),
					&codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: &test.link}),
			)
			if diff := cmp.Diff(test.want, w.Syncs.Take(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("calls of the Git host (-want +got):\n%s", diff)
			}
		}
	})
}

func TestADeploymentFileIsProposed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createRepositoryLink(w.createConnection("acme", w.createHost("h")), "infra")
		input := wire.ProposeDeploymentFileInput{RepositoryLinkId: link, SyncType: "CFN_STACK_SYNC",
			ResourceName: "web",
			TemplateFile: "t/web.yaml",
			Parameters:   []wire.NamedValue{{Name: "Size", Value: ""}}, Tags: []wire.NamedValue{{Name: "team",
				Value: "a"}}}
		var out wire.ProposeDeploymentFileOutput
		if err := w.Call("ProposeDeploymentFile", input, &out); err != nil ||
			out != (wire.ProposeDeploymentFileOutput{
				Branch: "main",
				Number: 7,
				Url:    "https://git.example.com/pulls/7",
			}) {
			t.Errorf("got %+v, %v", out, err)
		}

		if got := w.Syncs.Take(); len(got) != 1 || got[0] != `propose web  of t/web.yaml on "" map[Size:] map[team:a]` {
			t.Errorf("asked for %q", got)
		}

		for says, change := range map[string]func(*wire.ProposeDeploymentFileInput){
			`Parameters contains "Size" twice`: func(input *wire.ProposeDeploymentFileInput) {
				input.Parameters = append(input.Parameters, input.Parameters[0])
			},
			"is not a valid branch name": func(input *wire.ProposeDeploymentFileInput) { input.Branch = "-x" },
			"ResourceNotFoundException": func(input *wire.ProposeDeploymentFileInput) {
				input.RepositoryLinkId = noLink
			},
			"ResourceAlreadyExistsException": func(*wire.ProposeDeploymentFileInput) {
				w.Syncs.HostErr = lockstep.Errorf(lockstep.Exists, "It is there.")
			},
		} {
			bad := input
			w.Syncs.HostErr = nil
			change(&bad)

			if err := w.Call("ProposeDeploymentFile", bad, &out); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", says, err)
			}
		}
	})
}

// A caller whom the policies permit gets the host's error, not AccessDenied:
// otherwise they would ask for permissions that they have.
func TestDenialByTheGitHostIsNotAccessDenied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link := w.createLink()
		w.createConfiguration("web", link)
		no := lockstep.Errorf(lockstep.Denied, "Connection acme is PENDING.")
		w.Syncs.HeadErr = no
		w.Syncs.HostErr = no

		for operation, tc := range map[string]struct {
			in   any
			code string
		}{
			"GetRevisionSync": {wire.GetRevisionSyncInput{
				ResourceName: "web",
				SyncType:     "CFN_STACK_SYNC",
			}, "InvalidInputException"},
			"StartResourceSync": {wire.StartResourceSyncInput{
				ResourceName: "web",
				SyncType:     "CFN_STACK_SYNC",
				Sha:          string(sha1),
			}, "RetryLatestCommitFailedException"},
			"RegisterRepositoryWebhook": {
				wire.RegisterRepositoryWebhookInput{RepositoryLinkId: link, Url: "https://lockstep.example.com"},
				"InvalidInputException",
			},
			"ProposeDeploymentFile": {wire.ProposeDeploymentFileInput{RepositoryLinkId: link,
				SyncType:     "CFN_STACK_SYNC",
				ResourceName: "web",
				TemplateFile: "t.yaml"}, "InvalidInputException"},
		} {
			apitest.ExpectError(t, w.Call(operation, tc.in, nil), tc.code, "Connection acme is PENDING.")
		}
	})
}

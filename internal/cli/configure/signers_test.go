package configure_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ann is a signer, in the allowed_signers format of OpenSSH.
const ann = "ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAN8A/adNAqkOlGUORB5V5qC3fp01J4QGafqZc8qBjpl\n"

// newSignedServer returns a server with the sync configuration web, and with Ann as
// the signer of the one named signed. changes returns and clears the requests that
// changed something.
func newSignedServer(t testing.TB, signed string) (server *manifestServer, changes func() []string) {
	server = newManifestServer(t)
	server.all = []wire.SyncConfiguration{{
		ResourceName:     "web",
		SyncType:         "CFN_STACK_SYNC",
		Branch:           "main",
		ConfigFile:       "f",
		OwnerId:          "acme",
		ProviderType:     "Git",
		RepositoryLinkId: linkUUID,
		RepositoryName:   "infra",
		RoleArn:          "arn:aws:iam::111122223333:role/deploy",
	}}
	var recorded []string
	record := func(format string, args ...any) {
		server.mu.Lock()
		defer server.mu.Unlock()
		recorded = append(recorded, fmt.Sprintf(format, args...))
	}
	clitest.Handle(server.Server, "ListSignaturePolicies",
		func(request *wire.ListSignaturePoliciesInput) (*wire.ListSignaturePoliciesOutput, error) {
			if request.NextToken == "" { // the second page has it
				return &wire.ListSignaturePoliciesOutput{
					SignaturePolicies: []wire.ResourceSignaturePolicy{},
					NextToken:         "more",
				}, nil
			}
			return &wire.ListSignaturePoliciesOutput{SignaturePolicies: []wire.ResourceSignaturePolicy{
				{SyncType: "CFN_STACK_SYNC", ResourceName: signed, AllowedSigners: ann}}}, nil
		})
	clitest.Handle(server.Server, "PutSignaturePolicy",
		func(request *wire.PutSignaturePolicyInput) (*wire.PutSignaturePolicyOutput, error) {
			record("put %s %q %q", request.ResourceName, request.AllowedSigners, request.PublicKeys)
			return &wire.PutSignaturePolicyOutput{}, nil
		})
	clitest.Handle(server.Server, "DeleteSignaturePolicy",
		func(request *wire.DeleteSignaturePolicyInput) (*wire.DeleteSignaturePolicyOutput, error) {
			record("delete %s", request.ResourceName)
			return &wire.DeleteSignaturePolicyOutput{}, nil
		})
	clitest.Handle(server.Server, "CreateSignedSyncConfiguration",
		func(request *wire.CreateSignedSyncConfigurationInput) (*wire.CreateSignedSyncConfigurationOutput, error) {
			record("create %s of %s with %q", request.ResourceName, request.RepositoryLinkId, request.AllowedSigners)
			return &wire.CreateSignedSyncConfigurationOutput{SyncConfiguration: server.all[0]}, nil
		})
	clitest.HandleAWS(server.Server, "UpdateSyncConfiguration",
		func(request *wire.UpdateSyncConfigurationInput) (*wire.UpdateSyncConfigurationOutput, error) {
			record("update %s to %s", request.ResourceName, request.Branch)
			return &wire.UpdateSyncConfigurationOutput{SyncConfiguration: server.all[0]}, nil
		})

	return server, func() []string {
		defer func() { recorded = nil }()
		return recorded
	}
}

func TestSignersAreAppliedBeforeASyncIsRequested(t *testing.T) {
	const entry = "configurations:\n- {resource: web, link: acme/infra, branch: main, file: f, role: " +
		"'arn:aws:iam::111122223333:role/deploy'%s}\n"
	quoted := fmt.Sprintf("%q", ann)
	for _, test := range []struct {
		name, signed, keys string
		other              [2]string // what is replaced in the file
		stdout             string
		want               []string
	}{
		{
			name:   "a new configuration comes with them",
			signed: "web",
			keys:   ", allowed-signers: " + quoted,
			other:  [2]string{"resource: web", "resource: api"},
			stdout: "created configuration api\n",
			want:   []string{fmt.Sprintf("create api of %s with %q", linkUUID, ann)},
		},
		{
			name:   "who is new is put, and no sync requested",
			signed: "api",
			keys:   ", allowed-signers: " + quoted,
			stdout: "changed configuration web: allowed-signers\n",
			want:   []string{fmt.Sprintf(`put web %q ""`, ann)},
		},
		{
			name:   "they are put before a sync of another branch",
			signed: "api",
			keys:   ", allowed-signers: " + quoted,
			other:  [2]string{"main", "dev"},
			stdout: "changed configuration web: branch main → dev, allowed-signers\n",
			want:   []string{fmt.Sprintf(`put web %q ""`, ann), "update web to dev"},
		},
		{
			name:   "they stay where nothing is said",
			signed: "web",
			other:  [2]string{"main", "dev"},
			stdout: "changed configuration web: branch main → dev\n",
			want:   []string{"update web to dev"},
		},
		{
			name:   "they are taken away",
			signed: "web",
			keys:   ", allowed-signers: '', public-keys: ''",
			stdout: "changed configuration web: allowed-signers removed\n",
			want:   []string{"delete web"},
		},
		{name: "nothing is to be done", signed: "web", keys: ", allowed-signers: " + quoted},
	} {
		server, changes := newSignedServer(t, test.signed)
		file := filepath.Join(t.TempDir(), "lockstep.yaml")
		text := fmt.Sprintf(entry, test.keys)
		if test.other[0] != "" {
			text = strings.ReplaceAll(text, test.other[0], test.other[1])
		}

		clitest.WriteFile(t, file, text)
		planned := clitest.Run(t, server.Env(), "apply", "-f", file, "--dry-run").OK(t)
		if did := changes(); did != nil {
			t.Errorf("%s: a dry run did %v", test.name, did)
		}

		result := clitest.Run(t, server.Env(), "apply", "-f", file).OK(t)
		if !strings.HasPrefix(result.Stdout, test.stdout) ||
			test.stdout == "" && !strings.HasPrefix(result.Stdout, "0 created, 0 changed") ||
			test.stdout != "" && !strings.Contains(planned.Stdout,
				strings.NewReplacer("created", "would create", "changed", "would change").Replace(test.stdout)) {
			t.Errorf("%s: stdout %s, planned %s", test.name, result.Stdout, planned.Stdout)
		}

		if diff := cmp.Diff(test.want, changes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestInvalidSignersChangeNothing(t *testing.T) {
	server, changes := newSignedServer(t, "web")
	result := clitest.RunWith(t, t.Context(), server.Env(),
		"configurations:\n- {resource: api, link: acme/infra, branch: main, file: f,\n  role: "+
			"'arn:aws:iam::111122223333:role/deploy', allowed-signers: ann}\n",
		"apply", "-f", "-")
	result.Fails(t, 1, "nothing was changed:\nstandard input:3:67: the signers are not valid: Allowed signers, "+
		"line 1: there is no key after the principals\n")
	if did := changes(); did != nil {
		t.Errorf("did %v", did)
	}
}

func TestSyncCreateSendsTheSigners(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").OK(t)
	i.Run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").OK(t)
	file := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(file, []byte(ann), 0o600); err != nil {
		t.Fatal(err)
	}

	create := []string{
		"sync", "create",
		"--resource", "web",
		"--link", "acme/infra",
		"--branch", "main",
		"--file", "web.yaml",
		"--role-arn", clitest.RoleARN,
		"--trigger", "ANY_CHANGE",
		"--pull-request-comment", "on",
	}
	i.Run(t, append(create, "--allowed-signers", filepath.Join(t.TempDir(), "none"))...).
		Fails(t, 2, "Cannot read the file of --allowed-signers")
	out := i.Run(t, append(create, "--allowed-signers", file)...).OK(t).Stdout
	want := "Created sync configuration web: web.yaml of acme/infra on branch main\nNext: lockstep wait web\n"
	if out != want {
		t.Errorf("it prints:\n%s", out)
	}

	if out := i.Run(t, "sync", "signers", "web").OK(t).Stdout; out != ann {
		t.Errorf("the signers are %s", out)
	}

	out = i.Run(t, "sync", "show", "web").OK(t).Stdout
	for _, says := range []string{"ANY_CHANGE", "Pull request comment  ENABLED", "Deployment status     DISABLED"} {
		if !strings.Contains(out, says) {
			t.Errorf("it is not shown as %s:\n%s", says, out)
		}
	}

	if diff := cmp.Diff([]string{"configured web main web.yaml ANY_CHANGE"}, i.Requests()); diff != "" {
		t.Errorf("requests to the engine (-want +got):\n%s", diff)
	}
}

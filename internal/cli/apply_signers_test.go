package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

// ann may sign: a key in OpenSSH's allowed_signers form.
const ann = "ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAN8A/adNAqkOlGUORB5V5qC3fp01J4QGafqZc8qBjpl\n"

// newSigned is a fake with the configuration web, for which Ann may sign unless
// the name is another. It notes every request that changes something.
func newSigned(t testing.TB, signed string) (f *configured, changes func() []string) {
	c := newConfigured(t)
	c.all = []wire.SyncConfiguration{{ResourceName: "web", SyncType: "CFN_STACK_SYNC", Branch: "main", ConfigFile: "f", OwnerId: "acme", ProviderType: "Git",
		RepositoryLinkId: linkUUID, RepositoryName: "infra", RoleArn: "arn:aws:iam::111122223333:role/deploy"}}
	var noted []string
	note := func(format string, args ...any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		noted = append(noted, fmt.Sprintf(format, args...))
	}
	own(c.fake, "ListSignaturePolicies", func(in *wire.ListSignaturePoliciesInput) (*wire.ListSignaturePoliciesOutput, error) {
		if in.NextToken == "" { // the second page has it
			return &wire.ListSignaturePoliciesOutput{SignaturePolicies: []wire.ResourceSignaturePolicy{}, NextToken: "more"}, nil
		}
		return &wire.ListSignaturePoliciesOutput{SignaturePolicies: []wire.ResourceSignaturePolicy{
			{SyncType: "CFN_STACK_SYNC", ResourceName: signed, AllowedSigners: ann}}}, nil
	})
	own(c.fake, "PutSignaturePolicy", func(in *wire.PutSignaturePolicyInput) (*wire.PutSignaturePolicyOutput, error) {
		note("put %s %q %q", in.ResourceName, in.AllowedSigners, in.PublicKeys)
		return &wire.PutSignaturePolicyOutput{}, nil
	})
	own(c.fake, "DeleteSignaturePolicy", func(in *wire.DeleteSignaturePolicyInput) (*wire.DeleteSignaturePolicyOutput, error) {
		note("delete %s", in.ResourceName)
		return &wire.DeleteSignaturePolicyOutput{}, nil
	})
	own(c.fake, "CreateSignedSyncConfiguration", func(in *wire.CreateSignedSyncConfigurationInput) (*wire.CreateSignedSyncConfigurationOutput, error) {
		note("create %s of %s with %q", in.ResourceName, in.RepositoryLinkId, in.AllowedSigners)
		return &wire.CreateSignedSyncConfigurationOutput{SyncConfiguration: c.all[0]}, nil
	})
	on(c.fake, "UpdateSyncConfiguration", func(in *wire.UpdateSyncConfigurationInput) (*wire.UpdateSyncConfigurationOutput, error) {
		note("update %s to %s", in.ResourceName, in.Branch)
		return &wire.UpdateSyncConfigurationOutput{SyncConfiguration: c.all[0]}, nil
	})

	return c, func() []string {
		defer func() { noted = nil }()
		return noted
	}
}

func TestSignersAreAppliedBeforeAnythingCanBeSynced(t *testing.T) {
	const entry = "configurations:\n- {resource: web, link: acme/infra, branch: main, file: f, role: 'arn:aws:iam::111122223333:role/deploy'%s}\n"
	quoted := fmt.Sprintf("%q", ann)
	for _, c := range []struct {
		name, signed, keys string
		other              [2]string // what is replaced in the file
		says               string
		want               []string
	}{
		{"a new configuration comes with them", "web", ", allowed-signers: " + quoted, [2]string{"resource: web", "resource: api"},
			"created configuration api\n", []string{fmt.Sprintf("create api of %s with %q", linkUUID, ann)}},
		{"who is new is put, and no sync requested", "api", ", allowed-signers: " + quoted, [2]string{},
			"changed configuration web: allowed-signers\n", []string{fmt.Sprintf(`put web %q ""`, ann)}},
		{"they are put before a sync of another branch", "api", ", allowed-signers: " + quoted, [2]string{"main", "dev"},
			"changed configuration web: branch main → dev, allowed-signers\n", []string{fmt.Sprintf(`put web %q ""`, ann), "update web to dev"}},
		{"they stay where nothing is said", "web", "", [2]string{"main", "dev"}, "changed configuration web: branch main → dev\n", []string{"update web to dev"}},
		{"they are taken away", "web", ", allowed-signers: '', public-keys: ''", [2]string{},
			"changed configuration web: allowed-signers removed\n", []string{"delete web"}},
		{"nothing is to be done", "web", ", allowed-signers: " + quoted, [2]string{}, "", nil},
	} {
		f, changes := newSigned(t, c.signed)
		file := filepath.Join(t.TempDir(), "fleet.yaml")
		text := fmt.Sprintf(entry, c.keys)
		if c.other[0] != "" {
			text = strings.ReplaceAll(text, c.other[0], c.other[1])
		}

		write(t, file, text)
		foretold := run(t, f.env(), "apply", "-f", file, "--dry-run").ok(t)
		if did := changes(); did != nil {
			t.Errorf("%s: a dry run did %v", c.name, did)
		}

		r := run(t, f.env(), "apply", "-f", file).ok(t)
		if !strings.HasPrefix(r.stdout, c.says) || c.says == "" && !strings.HasPrefix(r.stdout, "0 created, 0 changed") ||
			c.says != "" && !strings.Contains(foretold.stdout, strings.NewReplacer("created", "would create", "changed", "would change").Replace(c.says)) {
			t.Errorf("%s: stdout %s, foretold %s", c.name, r.stdout, foretold.stdout)
		}

		if diff := cmp.Diff(c.want, changes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestSignersThatAreNoneChangeNothing(t *testing.T) {
	f, changes := newSigned(t, "web")
	r := runWith(t, t.Context(), f.env(), "configurations:\n- {resource: api, link: acme/infra, branch: main, file: f,\n  role: 'arn:aws:iam::111122223333:role/deploy', allowed-signers: ann}\n",
		"apply", "-f", "-")
	r.refused(t, 1, "nothing was changed:\nstandard input:3:67: the server would refuse who may sign: Allowed signers, line 1: there is no key after the principals\n")
	if did := changes(); did != nil {
		t.Errorf("did %v", did)
	}
}

func TestSyncCreateNamesSignersFromTheFirstCommitOn(t *testing.T) {
	i := newInstallation(t)
	i.run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t)
	i.run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").ok(t)
	file := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(file, []byte(ann), 0o600); err != nil {
		t.Fatal(err)
	}

	create := []string{"sync", "create", "--resource", "web", "--link", "acme/infra", "--branch", "main", "--file", "web.yaml", "--role-arn", role,
		"--trigger", "ANY_CHANGE", "--pull-request-comment", "on"}
	i.run(t, append(create, "--allowed-signers", filepath.Join(t.TempDir(), "none"))...).refused(t, 2, "There is no list of signers to be read")
	out := i.run(t, append(create, "--allowed-signers", file)...).ok(t).stdout
	if want := "web is synced from web.yaml of acme/infra on branch main\nNext: lockstep wait web\n"; out != want {
		t.Errorf("it says:\n%s", out)
	}

	if out := i.run(t, "sync", "signers", "web").ok(t).stdout; out != ann {
		t.Errorf("who may sign: %s", out)
	}

	out = i.run(t, "sync", "show", "web").ok(t).stdout
	for _, says := range []string{"ANY_CHANGE", "Pull request comment  ENABLED", "Deployment status     DISABLED"} {
		if !strings.Contains(out, says) {
			t.Errorf("it is not shown as %s:\n%s", says, out)
		}
	}

	if diff := cmp.Diff([]string{"configured web main web.yaml ANY_CHANGE"}, i.engine.taken); diff != "" {
		t.Errorf("the engine was told (-want +got):\n%s", diff)
	}
}

package manifest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/manifest"
)

// ann is an allowed_signers file with one key.
const ann = "release@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAN8A/adNAqkOlGUORB5V5qC3fp01J4QGafqZc8qBjpl\n"

// armour is two OpenPGP keys, as gpg exported them.
func armour(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../signature/testdata/pgp-keys.asc")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signedBy is the configuration of served, with keys added.
func signedBy(keys string) string {
	return strings.Replace(configurations, "}]", ", "+keys+"}]", 1)
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }

func TestAPlanChangesWhoMaySignAsAWhole(t *testing.T) {
	keys := armour(t)
	signed := func(s *manifest.Signers) manifest.Resources {
		have := served()
		have.Configurations[0].Signers = s
		return have
	}

	both := signed(&manifest.Signers{Allowed: ann, Keys: keys})
	for _, c := range []struct {
		name, file string
		have       manifest.Resources
		want       []string
	}{
		{"left out", configurations, both, []string{}},
		{"the same", signedBy("allowed-signers: " + quoted(ann) + ", public-keys: " + quoted(keys)), both, []string{}},
		{"new", signedBy("allowed-signers: " + quoted(ann)), served(), []string{"change configuration web allowed-signers"}},
		{"a space more", signedBy("allowed-signers: " + quoted(ann+" ")), signed(&manifest.Signers{Allowed: ann}), []string{"change configuration web allowed-signers"}},
		{"one of two", signedBy("public-keys: " + quoted(keys)), both, []string{"change configuration web allowed-signers removed"}},
		{"one for the other", signedBy("public-keys: " + quoted(keys)), signed(&manifest.Signers{Allowed: ann}),
			[]string{"change configuration web allowed-signers removed, public-keys"}},
		{"nobody's", signedBy("allowed-signers: '', public-keys: ''"), both, []string{"change configuration web allowed-signers removed, public-keys removed"}},
		{"nobody's, by one key", signedBy("public-keys: ''"), signed(&manifest.Signers{Allowed: ann}), []string{"change configuration web allowed-signers removed"}},
		{"nobody's already", signedBy("allowed-signers: ''"), served(), []string{}},
		{"with the rest", strings.Replace(signedBy("allowed-signers: "+quoted(ann)), "main", "dev", 1), served(),
			[]string{"change configuration web branch main → dev, allowed-signers"}},
	} {
		steps, err := manifest.Plan(read(t, c.file), c.have, true)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}

		if diff := cmp.Diff(c.want, lines(steps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestWhoMaySignIsAskedForOnlyWhereAFileSaysIt(t *testing.T) {
	for file, want := range map[string]bool{
		configurations:                              false,
		"configurations: []":                        false,
		signedBy("allowed-signers: ''"):             true,
		signedBy("public-keys: " + quoted("")):      true,
		signedBy("allowed-signers: " + quoted(ann)): true,
	} {
		if got := read(t, file).ReadOptions(true).Signers; got != want {
			t.Errorf("%s: %v", file, got)
		}
	}

	if !manifest.AllResources().Signers {
		t.Error("an export does not ask who may sign")
	}
}

func TestSignersThatTheServerWouldRefuseAreRefusedWithTheirPlace(t *testing.T) {
	const begin = "configurations:\n- resource: web\n  link: infra\n  branch: main\n  file: f\n  role: " + deploy + "\n"
	cut := armour(t)[:200]
	for _, c := range []struct{ keys, want string }{
		{"  allowed-signers:\n", `7:19: allowed-signers must be a text, not nothing`},
		{"  public-keys: [a]\n", `7:16: public-keys must be a text, not a list`},
		{"  allowed-signers: " + strings.Repeat("a", 65537) + "\n", `7:20: allowed-signers must have 1 to 65536 characters, and has 65537`},
		{"  allowed-signers: '# nobody'\n", `7:20: the server would refuse who may sign: The lists of allowed signers contain no key, so no commit could be accepted`},
		{"  allowed-signers: |\n    # Ann\n    ann\n",
			`7:20: the server would refuse who may sign: Allowed signers, line 2: there is no key after the principals`},
		{"  public-keys: |\n    ann\n    bob\n  allowed-signers: " + quoted(ann),
			`7:16: the server would refuse who may sign: OpenPGP keys: found 0 keys; expected 1 to 200`},
		{"  allowed-signers: ann\n  public-keys: " + quoted(armour(t)),
			`7:20: the server would refuse who may sign: Allowed signers, line 1: there is no key after the principals`},
		{"  public-keys: " + quoted(cut), `7:16: the server would refuse who may sign: OpenPGP keys: `},
	} {
		_, err := manifest.Parse("fleet.yaml", []byte(begin+c.keys))
		if err == nil || !strings.HasPrefix(err.Error(), "fleet.yaml:"+c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\ngot  %v\nwant fleet.yaml:%s", c.keys, err, c.want)
		}
	}
}

// Texts come back byte for byte, whatever YAML does with blocks.
func TestTextsAreExportedByteForByte(t *testing.T) {
	long := strings.Repeat("words of a comment ", 20)
	for _, text := range []string{
		ann, armour(t), strings.TrimRight(armour(t), "\n"), armour(t) + "\n\n", strings.ReplaceAll(armour(t), "\n", "\r\n"),
		strings.ReplaceAll(armour(t), "\n", " \n"), "\t# tab first\n" + ann, "\n" + ann, "\n\n  # blank first\n" + ann, "  # spaces first\n" + ann,
		"# a\r" + "\n" + ann + "\n \n", "# " + long + "\n" + ann + " \t", "#\u00a0\u0085\u2028\ufeff\x01\x7fé🔑\n" + ann, "# |\n#---\n" + ann, "#: 'a' \"b\" \\n %\n" + ann,
		ann + "\t\n", strings.TrimRight(ann, "\n"),
	} {
		have := served()
		have.Configurations[0].Signers = &manifest.Signers{Allowed: text}
		if strings.HasPrefix(strings.TrimSpace(text), "-----") {
			have.Configurations[0].Signers = &manifest.Signers{Keys: text}
		}

		have.Policies[0].Document, have.Roles[0].JWKS = text, text
		exported, err := manifest.Export("server", have)
		if err != nil {
			t.Fatal(err)
		}

		got := read(t, string(exported))
		want := []any{have.Configurations[0].Signers, text, text}
		if diff := cmp.Diff(want, []any{got.Configurations[0].Signers, got.Policies[0].Document, got.Roles[0].JWKS}); diff != "" {
			t.Errorf("%q (-exported +read):\n%s\n%s", text, diff, exported)
		}
	}
}

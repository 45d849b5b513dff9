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

// exampleKeys returns two OpenPGP keys as exported by gpg.
func exampleKeys(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../signature/testdata/pgp-keys.asc")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// configurationWith returns the configuration of existingResources with more keys.
func configurationWith(keys string) string {
	return strings.Replace(configurations, "}]", ", "+keys+"}]", 1)
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }

func TestPlanChangesSignersAsAWhole(t *testing.T) {
	keys := exampleKeys(t)
	signed := func(s *manifest.Signers) manifest.Resources {
		have := existingResources()
		have.Configurations[0].Signers = s
		return have
	}

	both := signed(&manifest.Signers{Allowed: ann, Keys: keys})
	for _, test := range []struct {
		name, file string
		have       manifest.Resources
		want       []string
	}{
		{name: "left out", file: configurations, have: both, want: []string{}},
		{
			name: "the same",
			file: configurationWith("allowed-signers: " + quoted(ann) + ", public-keys: " + quoted(keys)),
			have: both,
			want: []string{},
		},
		{
			name: "new",
			file: configurationWith("allowed-signers: " + quoted(ann)),
			have: existingResources(),
			want: []string{"change configuration web allowed-signers"},
		},
		{
			name: "a space more",
			file: configurationWith("allowed-signers: " + quoted(ann+" ")),
			have: signed(&manifest.Signers{Allowed: ann}),
			want: []string{"change configuration web allowed-signers"},
		},
		{
			name: "one of two",
			file: configurationWith("public-keys: " + quoted(keys)),
			have: both,
			want: []string{"change configuration web allowed-signers removed"},
		},
		{
			name: "one for the other",
			file: configurationWith("public-keys: " + quoted(keys)),
			have: signed(&manifest.Signers{Allowed: ann}),
			want: []string{"change configuration web allowed-signers removed, public-keys"},
		},
		{
			name: "nobody's",
			file: configurationWith("allowed-signers: '', public-keys: ''"),
			have: both,
			want: []string{"change configuration web allowed-signers removed, public-keys removed"},
		},
		{
			name: "nobody's, by one key",
			file: configurationWith("public-keys: ''"),
			have: signed(&manifest.Signers{Allowed: ann}),
			want: []string{"change configuration web allowed-signers removed"},
		},
		{
			name: "nobody's already",
			file: configurationWith("allowed-signers: ''"),
			have: existingResources(),
			want: []string{},
		},
		{
			name: "with the rest",
			file: strings.Replace(configurationWith("allowed-signers: "+quoted(ann)), "main", "dev", 1),
			have: existingResources(),
			want: []string{"change configuration web branch main → dev, allowed-signers"},
		},
	} {
		steps, err := manifest.Plan(parse(t, test.file), test.have, true)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}

		if diff := cmp.Diff(test.want, stepLines(steps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestSignersAreReadOnlyIfTheFileHasSome(t *testing.T) {
	for file, want := range map[string]bool{
		configurations:                                       false,
		"configurations: []":                                 false,
		configurationWith("allowed-signers: ''"):             true,
		configurationWith("public-keys: " + quoted("")):      true,
		configurationWith("allowed-signers: " + quoted(ann)): true,
	} {
		if got := parse(t, file).ReadOptions(true).Signers; got != want {
			t.Errorf("%s: %v", file, got)
		}
	}

	if !manifest.AllResources().Signers {
		t.Error("an export does not ask who may sign")
	}
}

func TestInvalidSignersAreRejectedWithTheirPosition(t *testing.T) {
	const begin = "configurations:\n- resource: web\n  link: infra\n  branch: main\n  file: f\n  role: " + deploy + "\n"
	cut := exampleKeys(t)[:200]
	for _, test := range []struct{ keys, want string }{
		{"  allowed-signers:\n", `7:19: allowed-signers must be text, not null`},
		{"  public-keys: [a]\n", `7:16: public-keys must be text, not a list`},
		{
			keys: "  allowed-signers: " + strings.Repeat("a", 65537) + "\n",
			want: `7:20: allowed-signers must have 1 to 65536 characters, not 65537`,
		},
		{
			keys: "  allowed-signers: '# nobody'\n",
			want: `7:20: the signers are not valid: The lists of allowed signers contain no key, so no commit ` +
				`could be accepted`,
		},
		{"  allowed-signers: |\n    # Ann\n    ann\n",
			`7:20: the signers are not valid: Allowed signers, line 2: there is no key after the principals`},
		{"  public-keys: |\n    ann\n    bob\n  allowed-signers: " + quoted(ann),
			`7:16: the signers are not valid: OpenPGP keys: found 0 keys; expected 1 to 200`},
		{"  allowed-signers: ann\n  public-keys: " + quoted(exampleKeys(t)),
			`7:20: the signers are not valid: Allowed signers, line 1: there is no key after the principals`},
		{"  public-keys: " + quoted(cut), `7:16: the signers are not valid: OpenPGP keys: `},
	} {
		_, err := manifest.Parse("lockstep.yaml", []byte(begin+test.keys))
		if err == nil || !strings.HasPrefix(err.Error(), "lockstep.yaml:"+test.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\ngot  %v\nwant lockstep.yaml:%s", test.keys, err, test.want)
		}
	}
}

func TestTextsAreExportedByteForByte(t *testing.T) {
	long := strings.Repeat("words of a comment ", 20)
	for _, text := range []string{
		ann,
		exampleKeys(t),
		strings.TrimRight(exampleKeys(t), "\n"),
		exampleKeys(t) + "\n\n",
		strings.ReplaceAll(exampleKeys(t), "\n", "\r\n"),
		strings.ReplaceAll(exampleKeys(t), "\n", " \n"),
		"\t# tab first\n" + ann,
		"\n" + ann,
		"\n\n  # blank first\n" + ann,
		"  # spaces first\n" + ann,
		"# a\r" + "\n" + ann + "\n \n",
		"# " + long + "\n" + ann + " \t",
		"#\u00a0\u0085\u2028\ufeff\x01\x7fé🔑\n" + ann,
		"# |\n#---\n" + ann,
		"#: 'a' \"b\" \\n %\n" + ann,
		ann + "\t\n",
		strings.TrimRight(ann, "\n"),
	} {
		have := existingResources()
		have.Configurations[0].Signers = &manifest.Signers{Allowed: text}
		if strings.HasPrefix(strings.TrimSpace(text), "-----") {
			have.Configurations[0].Signers = &manifest.Signers{Keys: text}
		}

		have.Policies[0].Document, have.Roles[0].JWKS = text, text
		exported, err := manifest.Export("server", have)
		if err != nil {
			t.Fatal(err)
		}

		got := parse(t, string(exported))
		want := []any{have.Configurations[0].Signers, text, text}
		if diff := cmp.Diff(want, []any{
			got.Configurations[0].Signers,
			got.Policies[0].Document,
			got.Roles[0].JWKS,
		}); diff != "" {
			t.Errorf("%q (-exported +read):\n%s\n%s", text, diff, exported)
		}
	}
}

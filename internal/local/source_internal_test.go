package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// workingCopy creates a repository with one commit, in a folder below a new one, and returns its path
// without symbolic links.
func workingCopy(t *testing.T, name string) string {
	t.Helper()
	parent, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	dir := filepath.Join(parent, name)
	gitwiretest.Git(t, "", "init", "--quiet", "--initial-branch=main", dir)
	if err := os.MkdirAll(filepath.Join(dir, "envs", "prod"), 0o755); err != nil {
		t.Fatal(err)
	}

	gitwiretest.Git(t, dir, "commit", "--quiet", "--allow-empty", "--message=first")
	return dir
}

func TestAURLIsParsed(t *testing.T) {
	none := lockstep.Credential{Kind: lockstep.NoCredential}
	tests := map[string]source{
		"https://git.example.com/acme/infra.git": {argument: "https://git.example.com/acme/infra.git",
			endpoint: "https://git.example.com", owner: "acme", name: "infra.git", credential: none},
		"http://localhost:3000/a/b/c/": {argument: "http://localhost:3000/a/b/c/",
			endpoint: "http://localhost:3000", owner: "a/b", name: "c", credential: none},
		"https://git.example.com/infra": {argument: "https://git.example.com/infra",
			endpoint: "https://git.example.com", owner: "-", name: "infra", credential: none},
		"https://Git.Example.com/a%20b/c%2Fd": {argument: "https://Git.Example.com/a%20b/c%2Fd",
			endpoint: "https://git.example.com", owner: "a%20b", name: "c%2Fd", credential: none},
		"https://me:hunter2%40@git.example.com/acme/infra": {argument: "https://git.example.com/acme/infra",
			endpoint: "https://git.example.com", owner: "acme", name: "infra",
			credential: lockstep.Credential{Kind: lockstep.BasicCredential, Username: "me", Secret: "hunter2@"}},
		"https://token@git.example.com/acme/infra": {argument: "https://git.example.com/acme/infra",
			endpoint: "https://git.example.com", owner: "acme", name: "infra",
			credential: lockstep.Credential{
				Kind:     lockstep.BasicCredential,
				Username: "token",
				Secret:   "x-oauth-basic",
			}},
	}
	for argument, want := range tests {
		got, err := parseSource(argument)
		if err != nil {
			t.Errorf("%s: %s", argument, err)
			continue
		}

		if diff := cmp.Diff(want, got, cmp.AllowUnexported(source{})); diff != "" {
			t.Errorf("%s: %s", argument, diff)
		}
	}
}

func TestAnInvalidRepositoryIsRefusedWithAHint(t *testing.T) {
	plain := t.TempDir()
	tests := map[string]string{
		"git@git.example.com:acme/infra.git":          "use https://git.example.com/acme/infra.git, or the folder of a local clone",
		"git.example.com:/acme/infra":                 "use https://git.example.com/acme/infra,",
		"git@git.example.com:a@b/infra":               "use https://git.example.com/a@b/infra,",
		"ssh://git@git.example.com:2222/acme/infra":   "use https://git.example.com/acme/infra,",
		"git+ssh://git@git.example.com/acme/infra":    "use https://git.example.com/acme/infra,",
		"ssh://me:hunter2@git.example.com/acme/infra": "use https://git.example.com/acme/infra,",
		"git://git.example.com/acme/infra":            "only https:// and http:// are supported",
		"ftp://me:hunter2@h/acme/infra":               "ftp://h/acme/infra: only https://",
		"https://me:hunter2@h":                        "https://h: not the URL of a repository",
		"https://me:hunter2@h/":                       "not the URL of a repository",
		"https:///acme/infra":                         "not the URL of a repository",
		"https://h/acme/infra?token=hunter2":          "https://h/acme/infra: the URL of a repository has nothing after ? or #",
		"https://h/acme/infra#hunter2":                "the URL of a repository has nothing after ? or #",
		"https://me:hunter2@h:port/acme/infra":        "not a valid URL",
		"https://me:hunter2%@h/acme/infra":            "not a valid URL",
		"me:hunter2@git.example.com/acme/infra":       "https://git.example.com/acme/infra",
		"me:hun@ter2@git.example.com/acme/infra":      "https://git.example.com/acme/infra",
		"https:/me:hunter2@git.example.com/acme/x":    "https://git.example.com/acme/x",
		"//me:hunter2@git.example.com/acme/x":         "git.example.com/acme/x: there is no such folder",
		"file://":                                     "file: is not a folder",
		"file://host/acme":                            "file://host/acme: a file URL names no host",
		"file:x://y":                                  "file:x://y is not a folder",
		"file:///nowhere?x":                           "nothing after ? or #",
		"file:///nowhere/at/all":                      "/nowhere/at/all: there is no such folder",
		"":                                            "is an empty argument",
		"nowhere/at/all":                              "nowhere/at/all: there is no such folder, and it is not a URL",
		plain:                                         plain + ": the folder is not in a Git repository",
		"file://" + plain:                             plain + ": the folder is not in a Git repository",
		"--upload-pack=id":                            "there is no such folder",
		"ext::sh -c id":                               "SSH is not supported",
	}
	for argument, want := range tests {
		got, err := parseSource(argument)
		if err == nil {
			t.Errorf("%q: no error, but %+v", argument, got)
			continue
		}

		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error does not say %q: %s", argument, want, err)
		}

		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2") {
			t.Errorf("%q: the error shows the password: %s", argument, err)
		}
	}
}

func TestAFolderStandsForItsRepository(t *testing.T) {
	top := workingCopy(t, "infra")
	tree := filepath.Join(filepath.Dir(top), "tree")
	gitwiretest.Git(t, top, "worktree", "add", "--quiet", tree, "-b", "topic")

	if err := os.Mkdir(filepath.Join(tree, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}

	bare := filepath.Join(filepath.Dir(top), "bare.git")
	gitwiretest.Git(t, "", "clone", "--quiet", "--bare", top, bare)
	shallow := filepath.Join(filepath.Dir(top), "shallow")
	gitwiretest.Git(t, "", "clone", "--quiet", "--depth=1", "file://"+top, shallow)
	link := filepath.Join(filepath.Dir(top), "link")
	if err := os.Symlink(filepath.Join(top, "envs"), link); err != nil {
		t.Fatal(err)
	}

	type at struct{ name, folder, work, root string }
	tests := map[string]at{
		top:                              {"infra", "", top, top},
		top + "/":                        {"infra", "", top, top},
		filepath.Join(top, ".git"):       {"infra", "", top, top},
		filepath.Join(top, "envs/prod"):  {"infra", "envs/prod", top, top},
		link:                             {"infra", "envs", top, top},
		"file://" + top + "/envs":        {"infra", "envs", top, top},
		"file://localhost" + top:         {"infra", "", top, top},
		tree:                             {"tree", "", tree, tree},
		filepath.Join(tree, "sub"):       {"tree", "sub", tree, tree},
		bare:                             {"bare.git", "", "", bare},
		filepath.Join(bare, "refs"):      {"bare.git", "", "", bare},
		shallow:                          {"shallow", "", shallow, shallow},
		filepath.Join(top, ".git/hooks"): {"infra", "", top, top},
	}
	for argument, want := range tests {
		src, err := parseSource(argument)
		if err != nil {
			t.Errorf("%s: %s", argument, err)
			continue
		}

		if diff := cmp.Diff(want, at{src.name, src.folder, src.work, src.root}, cmp.AllowUnexported(at{})); diff != "" {
			t.Errorf("%s: %s", argument, diff)
		}

		if src.endpoint != "file://"+filepath.Dir(src.root) || src.owner != "-" {
			t.Errorf("%s: host %s, owner %s", argument, src.endpoint, src.owner)
		}
	}

	if src, err := parseSource(tree); err != nil || !cmp.Equal(src.roots, []string{tree, filepath.Join(top, ".git")}) {
		t.Errorf("reading a worktree touches %q, %v", src.roots, err)
	}
}

func TestARepositoryNamedTwiceIsRefused(t *testing.T) {
	top := workingCopy(t, "infra")
	other := workingCopy(t, "infra")
	tests := map[string]struct {
		argument []string
		error    string
	}{
		"folders of one": {
			[]string{top, filepath.Join(top, "envs")},
			top + " and " + filepath.Join(top, "envs") + " are one repository",
		},
		"a folder as a URL": {[]string{top, other, "file://" + top}, "are one repository"},
		"one password more": {
			[]string{"https://h/a/b", "https://me:hunter2@h/a/b/"},
			"https://h/a/b and https://h/a/b/ are one repository",
		},
		"another case":    {[]string{"https://h.example/a/b", "https://H.Example/a/b"}, "are one repository"},
		"two of one name": {[]string{top, other, "https://h/a/infra", "https://h/b/infra", "http://h/a/infra"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var sources []source
			for _, argument := range tt.argument {
				src, err := parseSource(argument)
				if err != nil {
					t.Fatal(err)
				}

				sources = append(sources, src)
			}

			err := checkDistinct(sources)
			exit, _ := errors.AsType[*Exit](err)
			if tt.error == "" {
				if err != nil {
					t.Error(err)
				}
			} else if exit == nil || exit.Code != 2 || !strings.Contains(exit.Message, tt.error) || strings.Contains(exit.Message, "hunter2") {
				t.Errorf("got %v, want %q", err, tt.error)
			}
		})
	}
}

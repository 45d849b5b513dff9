package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/server"
)

func TestHintsOfTheSampleAreForTheSampleAlone(t *testing.T) {
	varies(t)
	t.Parallel()
	c := newCopy(t, "data-infra").write(map[string]string{"topic.yaml": deploymentFile, "template.yaml": topicTemplate}).commit()
	r := startUp(t, server.UpOptions{Data: strings.TrimSuffix(c.dir, "-infra"), Repositories: []string{c.dir}})
	r.until(`Ctrl-C stops`)
	r.says("--resource-name topic ", "!Change a parameter", "!--resource-name web")
	r.stop()

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}

	sample := startUp(t, server.UpOptions{Data: filepath.Join(link, "data")})
	sample.until(`Ctrl-C stops`)
	sample.says("--resource-name web ", "Change a parameter")
}

func TestUpThatIsInterruptedBeforeTheEndSaysSo(t *testing.T) {
	t.Parallel()
	c := newCopy(t, "infra").write(map[string]string{"slow.yaml": deploymentFile,
		"template.yaml": topicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Delay: 60s}\n"}).commit()
	data := filepath.Join(t.TempDir(), "data")
	r := startUp(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Once: true})
	r.until(`CHANGESET_EXECUTION_IN_PROGRESS`)
	r.cancel()
	r.exit(1, "Interrupted before every stack's first sync had ended.")

	// What was under way is gone on with.
	again := startUp(t, server.UpOptions{Data: data})
	again.url()
	again.stop()
}

func TestKeysAreSealedWithOneSealKey(t *testing.T) {
	varies(t)
	dir := t.TempDir()
	o := server.KeyOptions{DB: "sqlite:" + filepath.Join(dir, "l.db")}
	n := server.NewKey{Account: "123456789012", Principal: "me", Role: server.Reader}
	first, err := server.CreateKey(t.Context(), o, n)
	if err != nil {
		t.Fatal(err)
	}

	for file, want := range map[string]string{filepath.Join(dir, "missing"): "does not exist", filepath.Join(dir, "other"): "is not the one"} {
		if strings.HasSuffix(file, "other") {
			other := server.KeyOptions{DB: "sqlite:" + filepath.Join(dir, "other.db"), SealKeyFile: file}
			if _, err := server.CreateKey(t.Context(), other, n); err != nil {
				t.Fatal(err)
			}
		}

		_, err := server.CreateKey(t.Context(), server.KeyOptions{DB: o.DB, SealKeyFile: file}, n)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}

	if _, err := server.CreateKey(t.Context(), server.KeyOptions{DB: "postgres://nobody/asks"}, n); err == nil {
		t.Error("a database on a server needs a seal key file")
	}

	second, err := server.CreateKey(t.Context(), o, n)
	if err != nil {
		t.Fatal(err)
	}

	if err := server.DisableKey(t.Context(), o, first.AccessKeyID); err != nil {
		t.Fatal(err)
	}

	if err := server.DisableKey(t.Context(), o, "LSAKNOBODYKNOWSTHIS0"); err == nil {
		t.Error("a key that is not there was disabled")
	}

	keys, err := server.ListKeys(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	type listed struct {
		ID       string
		Disabled bool
		Secret   string
	}

	var got []listed
	for _, k := range keys {
		got = append(got, listed{k.AccessKeyID, k.Disabled, k.Secret.Reveal()})
	}

	if diff := cmp.Diff([]listed{{first.AccessKeyID, true, ""}, {second.AccessKeyID, false, ""}}, got); diff != "" {
		t.Error(diff)
	}
}

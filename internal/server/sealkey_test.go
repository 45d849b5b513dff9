package server_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

const testKeyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

var firstKey = server.NewKey{Account: "123456789012", Principal: "me", Role: server.Admin}

func TestTheSealKeyMayBeAVariable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := seal.Create(filepath.Join(dir, "created")); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(filepath.Join(dir, "created"))
	if err != nil {
		t.Fatal(err)
	}

	environment := map[string]string{"LOCKSTEP_SEAL_KEY": string(text)}
	for _, url := range []string{"sqlite:" + filepath.Join(dir, "l.db"), dbtest.URL(t, db.Postgres)} {
		run := servertest.ServeIn(t, environment, "--target", "http://127.0.0.1:9", "--db", url)
		run.URL()
		run.WantOutput(
			"Make the first one, with the same LOCKSTEP_SEAL_KEY:\n  lockstep key create --db ",
			"!--seal-key",
		)
		key, err := server.CreateKey(t.Context(), server.KeyOptions{
			DB:      url,
			SealKey: seal.NewSecret(string(text)),
		}, firstKey)
		if err != nil {
			t.Fatal(err)
		}

		wantAccepted(t, run, key)
		run.Stop()
		if printed := run.Out() + run.Errs(); strings.Contains(printed, "keyData") {
			t.Errorf("the key is printed:\n%s", printed)
		}
	}

	if _, err := os.Stat(filepath.Join(dir, "l.db.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file was created: %v", err)
	}

	// An invalid key, and a key in addition to a file.
	options := server.KeyOptions{DB: "sqlite:" + filepath.Join(dir, "l.db"), SealKey: seal.NewSecret("hunter2")}
	for _, options.SealKeyFile = range []string{"", "/some/file"} {
		_, err := server.CreateKey(t.Context(), options, firstKey)
		if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(
			err.Error(),
			"LOCKSTEP_SEAL_KEY",
		) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}

	other := filepath.Join(dir, "other")
	if _, err := seal.Create(other); err != nil {
		t.Fatal(err)
	}

	text, err = os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}

	_, err = server.CreateKey(t.Context(), server.KeyOptions{
		DB:      options.DB,
		SealKey: seal.NewSecret(string(text)),
	}, firstKey)
	if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(
		err.Error(),
		"The seal key in LOCKSTEP_SEAL_KEY is not the one",
	) {
		t.Errorf("got %v", err)
	}
}

func TestAServerWhoseKeyDoesNotOpenTheDatabaseDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, file := "sqlite:"+filepath.Join(dir, "l.db"), filepath.Join(dir, "l.db.key")
	if _, err := server.CreateKey(t.Context(), server.KeyOptions{DB: url}, firstKey); err != nil {
		t.Fatal(err)
	}

	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	run := servertest.ServeIn(t, nil, "--db", url, "--target", "http://127.0.0.1:9")
	if err := run.Wait().Err(); err == nil || !strings.Contains(err.Error(), "l.db.key does not exist") {
		t.Errorf("without its key file the server ended with %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file was created: %v", err)
	}

	if _, err := seal.Create(file); err != nil {
		t.Fatal(err)
	}
	run = servertest.ServeIn(t, nil, "--db", url, "--target", "http://127.0.0.1:9")
	if err := run.Wait().Err(); err == nil || !strings.Contains(err.Error(), "is not the one that this database's secrets") {
		t.Errorf("with another key file the server ended with %v", err)
	}
}

// fakeKMS serves an AWS KMS whose ciphertexts are the key id and the plaintext.
func fakeKMS(t testing.TB) string {
	t.Helper()
	kms := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var input struct {
			KeyID          string `json:"KeyId"`
			Plaintext      []byte
			CiphertextBlob []byte
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &input)
		plain, ok := strings.CutPrefix(string(input.CiphertextBlob), input.KeyID)
		switch {
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Encrypt"):
			_ = json.NewEncoder(w).Encode(map[string]any{
				"CiphertextBlob": append([]byte(input.KeyID), input.Plaintext...),
			})
		case ok:
			_ = json.NewEncoder(w).Encode(map[string]any{"Plaintext": base64.StdEncoding.EncodeToString([]byte(plain))})
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type": "IncorrectKeyException"}`)
		}
	}))

	t.Cleanup(kms.Close)
	return kms.URL
}

func TestTheSealKeyMayBeAFileUnderKMS(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_KMS", fakeKMS(t))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	dir := t.TempDir()
	url, file := "sqlite:"+filepath.Join(dir, "l.db"), filepath.Join(dir, "l.db.key")
	args := []string{"--db", url, "--seal-key-kms", testKeyARN}
	run := servertest.ServeIn(t, nil, append(args, "--target", "http://127.0.0.1:9")...)
	want := []string{"key", "create", "--db", url, "--seal-key-kms", testKeyARN, "--admin"}
	if diff := cmp.Diff(want, firstKeyCommand(t, run)); diff != "" {
		t.Error(diff)
	}

	key, err := server.CreateKey(t.Context(), server.KeyOptions{DB: url, SealKeyKMS: testKeyARN}, firstKey)
	if err != nil {
		t.Fatal(err)
	}

	wantAccepted(t, run, key)
	run.Stop()
	if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "keyData") {
		t.Errorf("the file is %s, %v", text, err)
	}

	other := strings.Replace(testKeyARN, "key/", "key/9", 1)
	servertest.ServeIn(
		t,
		nil,
		"--target",
		"http://127.0.0.1:9",
		"--db",
		url,
		"--seal-key-kms",
		other,
	).WantExit(1, file, other, "IncorrectKeyException")
	servertest.ServeIn(t, nil, "--target", "http://127.0.0.1:9", "--db", url).WantExit(1, file, "--seal-key-kms")
	_, err = server.CreateKey(t.Context(), server.KeyOptions{DB: url}, firstKey)
	if err == nil || !strings.Contains(err.Error(), "--seal-key-kms") {
		t.Errorf("without KMS: %v", err)
	}

	// A lost key file is not created again for a database that has secrets.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	_, err = server.CreateKey(t.Context(), server.KeyOptions{DB: url, SealKeyKMS: testKeyARN}, firstKey)
	if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), file) {
		t.Errorf("without its file: %v", err)
	}

	servertest.ServeIn(t, nil, append(args, "--target", "http://127.0.0.1:9")...).WantExit(1, file, "does not exist")
}

package seal_test

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
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep/internal/seal"
)

const keyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

func config(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}
}

func newKMS(t testing.TB, url, arn string) *seal.KMS {
	t.Helper()
	kmsKey, err := seal.NewKMS(config(url), arn)
	if err != nil {
		t.Fatal(err)
	}
	return kmsKey
}

// motoKey makes a key at moto.
func motoKey(t testing.TB, url string) string {
	t.Helper()
	c := kms.NewFromConfig(config(url), func(o *kms.Options) { o.Region = "eu-west-1" })
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}

func TestAFileUnderKMSOpensWithItsKeyAlone(t *testing.T) {
	url := motoURL(t)
	arn := motoKey(t, url)
	path := filepath.Join(t.TempDir(), "seal.key")
	made, err := newKMS(t, url, arn).OpenOrCreate(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	box := mustSeal(t, made, "hunter2", "a")
	opened, err := newKMS(t, url, arn).OpenOrCreate(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	if text, err := opened.Open(box, []byte("a")); err != nil || string(text) != "hunter2" {
		t.Errorf("got %q, %v", text, err)
	}

	_, err = newKMS(t, url, arn).Create(t.Context(), path)
	wantFileError(t, err, path, "never overwritten")

	other := motoKey(t, url)
	_, err = newKMS(t, url, other).Open(t.Context(), path)
	wantFileError(t, err, path, other)
	missing := strings.Replace(arn, "key/", "key/00000000-", 1)
	_, err = newKMS(t, url, missing).OpenOrCreate(t.Context(), path)
	wantFileError(t, err, path, missing)
	_, err = newKMS(t, url, missing).OpenOrCreate(t.Context(), path+".new")
	wantFileError(t, err, path+".new", missing)

	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made without KMS: %v", err)
	}
}

// A vault is a fake AWS KMS that returns prepared answers and records requests.
type vault struct {
	*httptest.Server
	mu       sync.Mutex
	code     string // of the exception that it answers with, "" for none
	requests []map[string]any
	plain    []string // base64
}

func newVault(t testing.TB) *vault {
	t.Helper()
	v := &vault{}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// ServeHTTP encrypts by remembering: a ciphertext is the number of a plaintext.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()

	request := map[string]any{}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &request)
	_, request["operation"], _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	_, request["scope"], _ = strings.Cut(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/")
	v.requests = append(v.requests, request)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	code, out := v.code, map[string]any{"KeyId": request["KeyId"]}
	ciphertext, _ := base64.StdEncoding.DecodeString(fmt.Sprint(request["CiphertextBlob"]))
	number, known := strings.CutPrefix(string(ciphertext), "ciphertext ")
	switch {
	case code != "":
	case request["operation"] == "Encrypt":
		v.plain = append(v.plain, fmt.Sprint(request["Plaintext"]))
		out["CiphertextBlob"] = fmt.Appendf(nil, "ciphertext %d", len(v.plain)-1)
	case known:
		n, _ := strconv.Atoi(number)
		out["Plaintext"] = v.plain[n]
	default:
		code = "InvalidCiphertextException"
	}

	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]any{"__type": code, "message": "the vault says no"}
	}

	_ = json.NewEncoder(w).Encode(out)
}

func TestUnderKMSTheKeyItselfNeverTouchesTheDisk(t *testing.T) {
	vault, dir := newVault(t), t.TempDir()
	path := filepath.Join(dir, "seal.key")
	kmsKey := newKMS(t, vault.URL, keyARN)
	if _, err := kmsKey.OpenOrCreate(t.Context(), path); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if strings.Contains(string(text), vault.plain[0]) || strings.Contains(string(text), `"keyData"`) ||
		!strings.Contains(string(text), `"encryptedKeyset"`) {
		t.Errorf("the file is %s", text)
	}

	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left beside the key: %v, %v", left, err)
	}

	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	if _, err := kmsKey.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}

	for i, operation := range []string{"Encrypt", "Decrypt"} {
		request := vault.requests[i]
		if request["operation"] != operation {
			t.Errorf("the operation is %v, want %v", request["operation"], operation)
		}
		if request["KeyId"] != keyARN {
			t.Errorf("KeyId is %v, want %v", request["KeyId"], keyARN)
		}
		if context := fmt.Sprint(request["EncryptionContext"]); context != "map[lockstep:seal-key]" {
			t.Errorf("EncryptionContext is %s", context)
		}

		if !strings.Contains(fmt.Sprint(request["scope"]), "/eu-west-1/kms/") {
			t.Errorf("asked was not in the key's region: %v", request["scope"])
		}
	}
}

func TestWhatKMSRefusesNamesItsKey(t *testing.T) {
	vault, dir := newVault(t), t.TempDir()
	kmsKey := newKMS(t, vault.URL, keyARN)
	path := filepath.Join(dir, "seal.key")
	if _, err := kmsKey.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}

	for code, word := range map[string]string{
		"AccessDeniedException": "cannot be used", "NotFoundException": "cannot be used",
		"DisabledException":     "cannot be used",
		"IncorrectKeyException": "is not the one", "InvalidCiphertextException": "is not the one",
	} {
		vault.code = code
		_, err := kmsKey.Open(t.Context(), path)
		wantFileError(t, err, path, keyARN, word, code)

		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
			t.Errorf("%s: the cause is lost: %v", code, err)
		}

		_, err = kmsKey.OpenOrCreate(t.Context(), filepath.Join(dir, "new.key"))
		wantFileError(t, err, "new.key", keyARN, code)
	}

	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}

	vault.Close()
	_, err := kmsKey.Open(t.Context(), path)
	wantFileError(t, err, path, keyARN, "cannot be used")
}

func TestEachFormOfAFileIsToldFromTheOther(t *testing.T) {
	v := newVault(t)
	kmsKey := newKMS(t, v.URL, keyARN)
	plain, _ := newFile(t)
	_, err := kmsKey.OpenOrCreate(t.Context(), plain)
	wantFileError(t, err, plain, "is not encrypted", "--seal-key-kms")
	sealed := filepath.Join(t.TempDir(), "sealed.key")
	if _, err := kmsKey.Create(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}

	_, err = seal.OpenOrCreate(sealed)
	wantFileError(t, err, sealed, "encrypted under a key of AWS KMS", "--seal-key-kms")
	for name, text := range map[string]string{
		"empty": "", "no keyset": "hunter2", "no ciphertext": `{"encryptedKeyset": "hunter2!"}`,
		"nothing in it": `{"encryptedKeyset": ""}`,
	} {
		if err := os.WriteFile(sealed, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		_, err := kmsKey.Open(t.Context(), sealed)
		wantFileError(t, err, sealed, "holds no")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the content: %v", name, err)
		}
	}

	if err := os.WriteFile(sealed, []byte(`{"encryptedKeyset": "aHVudGVyMg=="}`), 0o600); err != nil {
		t.Fatal(err)
	}

	_, err = kmsKey.Open(t.Context(), sealed)
	wantFileError(t, err, sealed, keyARN, "is not the one", "or it was changed")
	if err := os.Chmod(sealed, 0o644); err != nil {
		t.Fatal(err)
	}

	_, err = kmsKey.Open(t.Context(), sealed)
	wantFileError(t, err, sealed, "mode 0644")
}

func TestOnlyTheARNOfAKMSKeyIsOne(t *testing.T) {
	for arn, ok := range map[string]bool{
		keyARN: true, "arn:aws-cn:kms:cn-north-1:111122223333:alias/lockstep": true,
		"": false, "alias/lockstep": false, "1234abcd-12ab-34cd-56ef-1234567890ab": false,
		"arn:aws:kms:eu-west-1:111122223333:key/": false,
		"arn:aws:kms::111122223333:key/a":         false, "arn:aws:kms:eu-west-1::key/a": false,
		"arn:aws:s3:eu-west-1:111122223333:key/a":    false,
		"arn:aws:kms:eu-west-1:111122223333:grant/a": false,
	} {
		if err := seal.CheckKeyARN(arn); (err == nil) != ok {
			t.Errorf("%q: %v", arn, err)
		}
	}

	if _, err := seal.NewKMS(aws.Config{}, "alias/lockstep"); err == nil {
		t.Error("a name was taken for an ARN")
	}
}

func TestAKeyMayBeGivenAsText(t *testing.T) {
	path, key := newFile(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	given, err := seal.Parse(seal.NewSecret(string(text)))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := given.Open(mustSeal(t, key, "hunter2", "a"), []byte("a")); err != nil {
		t.Error(err)
	}

	for _, wrong := range []string{
		"", "hunter2", "{}", `{"hunter2": [`, `{"primaryKeyId": 1, "key": [{"keyData": {"typeUrl": "hunter2"}}]}`,
	} {
		if _, err := seal.Parse(seal.NewSecret(wrong)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

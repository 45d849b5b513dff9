package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A KMS is a key of AWS KMS that key files are encrypted under: such a file
// opens nothing without kms:Decrypt. It is Tink's JSON of an encrypted keyset.
// KMS is asked when a file is made and when it is opened, never to seal or to
// open a box. It may be used concurrently.
type KMS struct {
	arn    string
	client *kms.Client
}

// NewKMS makes a client for the key or the alias of an ARN, in the ARN's region
// whatever the configuration says. It asks nobody.
func NewKMS(cfg aws.Config, keyARN string) (*KMS, error) {
	parsed, err := parseKeyARN(keyARN)
	if err != nil {
		return nil, err
	}
	return &KMS{arn: keyARN, client: kms.NewFromConfig(cfg, func(o *kms.Options) { o.Region = parsed.Region })}, nil
}

// CheckKeyARN says what is wrong with the ARN of a key of AWS KMS.
func CheckKeyARN(keyARN string) error {
	_, err := parseKeyARN(keyARN)
	return err
}

func parseKeyARN(s string) (arn.ARN, error) {
	parsed, err := arn.Parse(s)
	kind, id, _ := strings.Cut(parsed.Resource, "/")
	if err != nil || parsed.Service != "kms" || parsed.Region == "" || parsed.AccountID == "" || id == "" || kind != "key" && kind != "alias" {
		return parsed, fmt.Errorf("%q is not arn:aws:kms:REGION:ACCOUNT:key/ID, nor …:alias/NAME", s)
	}
	return parsed, nil
}

// Create makes a key as the function Create does, and writes it encrypted. What
// is written has passed KMS: the key itself never touches the disk.
func (k *KMS) Create(ctx context.Context, path string) (*Key, error) {
	return create(path, kmsFormat{ctx, k})
}

// Open reads a key as the function Open does. A FileError that KMS is the cause
// of names the key's ARN.
func (k *KMS) Open(ctx context.Context, path string) (*Key, error) {
	return open(path, kmsFormat{ctx, k})
}

// OpenOrCreate opens the key at path, or makes it where nothing is there.
func (k *KMS) OpenOrCreate(ctx context.Context, path string) (*Key, error) {
	return openOrCreate(path, kmsFormat{ctx, k})
}

// kmsFormat is the form of a file that is encrypted, during one call.
type kmsFormat struct {
	ctx context.Context
	kms *KMS
}

func (w kmsFormat) encode(k *Key) ([]byte, error) {
	var text bytes.Buffer
	remote := kmsAEAD{kms: w.kms}
	if err := k.handle.WriteWithContext(w.ctx, keyset.NewJSONWriter(&text), &remote, nil); err != nil {
		return nil, remote.explain(err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

func (w kmsFormat) decode(text []byte) (*Key, error) {
	if !encrypted(text) {
		if _, err := decode(text); err == nil {
			return nil, &FileError{Reason: "is not encrypted: it was made without --seal-key-kms"}
		}
		return nil, &FileError{Reason: "holds no encrypted Tink keyset"}
	}

	remote := kmsAEAD{kms: w.kms}
	handle, err := keyset.ReadWithContext(w.ctx, keyset.NewJSONReader(bytes.NewReader(text)), &remote, nil)
	if err != nil {
		return nil, remote.explain(err)
	}

	key, err := newKey(handle)
	if err != nil {
		return nil, &FileError{Reason: reasonNoKeyset, Err: err}
	}

	return key, nil
}

// encrypted says whether a text is an encrypted keyset, by the name of the one
// member that only such have.
func encrypted(text []byte) bool {
	var members struct {
		EncryptedKeyset string `json:"encryptedKeyset"`
	}
	return json.Unmarshal(text, &members) == nil && members.EncryptedKeyset != ""
}

// encryptionContext is the context that KMS binds ciphertexts to: it stands in CloudTrail,
// and a policy of the key may demand it. What it says is part of the format.
func encryptionContext() map[string]string { return map[string]string{"lockstep": "seal-key"} }

// kmsAEAD is a KMS as Tink wants it, for one use. Tink turns errors into text, so
// what KMS said is kept here.
type kmsAEAD struct {
	kms *KMS
	err error
}

// EncryptWithContext asks KMS. The associated data is always that of purpose.
func (r *kmsAEAD) EncryptWithContext(ctx context.Context, plaintext, _ []byte) ([]byte, error) {
	out, err := r.kms.client.Encrypt(ctx, &kms.EncryptInput{KeyId: &r.kms.arn, Plaintext: plaintext, EncryptionContext: encryptionContext()})
	if err != nil {
		r.err = err
		return nil, err
	}
	return out.CiphertextBlob, nil
}

// DecryptWithContext asks KMS, and for this key alone: without the name of one
// KMS would take any that the caller may use.
func (r *kmsAEAD) DecryptWithContext(ctx context.Context, ciphertext, _ []byte) ([]byte, error) {
	out, err := r.kms.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &r.kms.arn, CiphertextBlob: ciphertext, EncryptionContext: encryptionContext()})
	if err != nil {
		r.err = err
		return nil, err
	}
	return out.Plaintext, nil
}

// explain gives the reason for which a file could not be used.
func (r *kmsAEAD) explain(err error) error {
	if r.err == nil {
		return &FileError{Reason: "holds no encrypted Tink keyset", Err: err}
	}

	said := r.err.Error()
	if e, ok := errors.AsType[smithy.APIError](r.err); ok {
		said = strings.TrimSuffix(e.ErrorCode()+": "+e.ErrorMessage(), ": ")
	}

	_, otherKey := errors.AsType[*types.IncorrectKeyException](r.err)
	_, otherText := errors.AsType[*types.InvalidCiphertextException](r.err)
	verdict := "cannot be used"
	if otherKey || otherText {
		verdict = "is not the one that it is encrypted under, or it was changed"
	}

	return &FileError{Reason: fmt.Sprintf("the AWS KMS key %s %s: %s", r.kms.arn, verdict, said), Err: r.err}
}

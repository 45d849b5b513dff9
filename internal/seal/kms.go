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

// A KMS is a key of AWS KMS that encrypts key files: opening such a file needs
// kms:Decrypt. The format is Tink's JSON of an encrypted keyset. KMS is called
// when a file is created or opened, not to seal or open boxes. It is safe for
// concurrent use.
type KMS struct {
	arn    string
	client *kms.Client
}

// NewKMS returns a client for a key or an alias, in the region of its ARN. It
// makes no call.
func NewKMS(cfg aws.Config, keyARN string) (*KMS, error) {
	parsed, err := parseKeyARN(keyARN)
	if err != nil {
		return nil, err
	}
	return &KMS{arn: keyARN, client: kms.NewFromConfig(cfg, func(o *kms.Options) { o.Region = parsed.Region })}, nil
}

// CheckKeyARN returns an error if keyARN is not the ARN of a key or an alias of
// AWS KMS.
func CheckKeyARN(keyARN string) error {
	_, err := parseKeyARN(keyARN)
	return err
}

func parseKeyARN(text string) (arn.ARN, error) {
	parsed, err := arn.Parse(text)
	kind, id, _ := strings.Cut(parsed.Resource, "/")
	if err != nil || parsed.Service != "kms" || parsed.Region == "" || parsed.AccountID == "" || id == "" ||
		kind != "key" && kind != "alias" {
		return parsed, fmt.Errorf("%q is not arn:aws:kms:REGION:ACCOUNT:key/ID, nor …:alias/NAME", text)
	}
	return parsed, nil
}

// Create is like the function Create, and encrypts the file. The key itself is
// never written to disk.
func (k *KMS) Create(ctx context.Context, path string) (*Key, error) {
	return create(path, kmsFormat{ctx, k})
}

// Open is like the function Open. A FileError that is caused by KMS contains the
// key's ARN.
func (k *KMS) Open(ctx context.Context, path string) (*Key, error) {
	return open(path, kmsFormat{ctx, k})
}

// OpenOrCreate opens the key at path, or creates it if there is no file.
func (k *KMS) OpenOrCreate(ctx context.Context, path string) (*Key, error) {
	return openOrCreate(path, kmsFormat{ctx, k})
}

// kmsFormat is the format of an encrypted file, during one call.
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

// encrypted reports whether a text is an encrypted keyset, which has a member of
// its own.
func encrypted(text []byte) bool {
	var members struct {
		EncryptedKeyset string `json:"encryptedKeyset"`
	}
	return json.Unmarshal(text, &members) == nil && members.EncryptedKeyset != ""
}

// encryptionContext is the context that KMS binds ciphertexts to. It appears in
// CloudTrail, and policies of the key can require it. It is part of the file
// format.
func encryptionContext() map[string]string { return map[string]string{"lockstep": "seal-key"} }

// kmsAEAD implements Tink's interface with KMS, for one use. Tink turns errors
// into text, so the error of KMS is kept here.
type kmsAEAD struct {
	kms *KMS
	err error
}

// EncryptWithContext calls KMS, always with encryptionContext.
func (r *kmsAEAD) EncryptWithContext(ctx context.Context, plaintext, _ []byte) ([]byte, error) {
	out, err := r.kms.client.Encrypt(ctx, &kms.EncryptInput{KeyId: &r.kms.arn, Plaintext: plaintext,
		EncryptionContext: encryptionContext()})
	if err != nil {
		r.err = err
		return nil, err
	}
	return out.CiphertextBlob, nil
}

// DecryptWithContext calls KMS, with the id of the key: otherwise KMS would accept
// every key that the caller may use.
func (r *kmsAEAD) DecryptWithContext(ctx context.Context, ciphertext, _ []byte) ([]byte, error) {
	out, err := r.kms.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &r.kms.arn, CiphertextBlob: ciphertext,
		EncryptionContext: encryptionContext()})
	if err != nil {
		r.err = err
		return nil, err
	}
	return out.Plaintext, nil
}

// explain returns the reason why a file cannot be used.
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

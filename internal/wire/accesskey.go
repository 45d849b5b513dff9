package wire

// What a key of ours may do; NONE leaves it to policies alone.
const (
	RoleAdmin    = "ADMIN"
	RoleOperator = "OPERATOR"
	RoleReader   = "READER"
	RoleNone     = "NONE"
)

// States of an access key.
const (
	KeyActive   = "ACTIVE"
	KeyDisabled = "DISABLED"
)

// AccessKey is a key without its secret. ExpiresAt is there when it was rotated
// and still works for a while.
type AccessKey struct {
	AccessKeyId   string `shape:"AccessKeyId"`
	PrincipalName string `shape:"PrincipalName"`
	Role          string `shape:"ReadyMadeRole"`
	Status        string `shape:"AccessKeyStatus"`
	CreatedAt     Time   `shape:"Timestamp"`
	ExpiresAt     Time   `json:",omitzero" shape:"Timestamp"`
}

// CreateAccessKeyInput says whose key to make, in the caller's account.
type CreateAccessKeyInput struct {
	PrincipalName string `shape:"PrincipalName"`
	Role          string `shape:"ReadyMadeRole"`
}

// CreateAccessKeyOutput holds the secret, which is never shown again.
type CreateAccessKeyOutput struct {
	AccessKey       AccessKey
	SecretAccessKey string `shape:"SecretAccessKey"`
}

// ListAccessKeysInput asks for a page of the account's keys, oldest first.
type ListAccessKeysInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListAccessKeysOutput answers ListAccessKeys.
type ListAccessKeysOutput struct {
	AccessKeys []AccessKey `shape:"AccessKeyList"`
	NextToken  string      `json:",omitzero" shape:"SharpNextToken"`
}

// UpdateAccessKeyInput disables a key, or lets it work again.
type UpdateAccessKeyInput struct {
	AccessKeyId string `shape:"AccessKeyId"`
	Status      string `shape:"AccessKeyStatus"`
}

// UpdateAccessKeyOutput is empty.
type UpdateAccessKeyOutput struct{}

// RotateAccessKeyInput asks for a new key in the place of an old one, which goes
// on working for KeepOldFor seconds; not at all when that is absent.
type RotateAccessKeyInput struct {
	AccessKeyId string `shape:"AccessKeyId"`
	KeepOldFor  *int   `json:",omitzero" shape:"KeepOldFor"`
}

// RotateAccessKeyOutput holds the new key's secret, which is never shown again.
type RotateAccessKeyOutput struct {
	AccessKey       AccessKey
	SecretAccessKey string `shape:"SecretAccessKey"`
}

// DeleteAccessKeyInput names the key to delete.
type DeleteAccessKeyInput struct {
	AccessKeyId string `shape:"AccessKeyId"`
}

// DeleteAccessKeyOutput is empty.
type DeleteAccessKeyOutput struct{}

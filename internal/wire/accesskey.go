package wire

// The roles of an access key. NONE has only what policies allow.
const (
	RoleAdmin    = "ADMIN"
	RoleOperator = "OPERATOR"
	RoleReader   = "READER"
	RoleNone     = "NONE"
)

// The statuses of an access key.
const (
	KeyActive   = "ACTIVE"
	KeyDisabled = "DISABLED"
)

// AccessKey is an access key without its secret.
type AccessKey struct {
	AccessKeyId   string `shape:"AccessKeyId"`
	PrincipalName string `shape:"PrincipalName"`
	Role          string `shape:"ReadyMadeRole"`
	Status        string `shape:"AccessKeyStatus"`
	// When the key was created.
	CreatedAt Time `shape:"Timestamp"`
	// When the key stops working. It is present if the key was rotated.
	ExpiresAt Time `json:",omitzero" shape:"Timestamp"`
}

// CreateAccessKeyInput is the request of CreateAccessKey.
type CreateAccessKeyInput struct {
	PrincipalName string `shape:"PrincipalName"`
	Role          string `shape:"ReadyMadeRole"`
}

// CreateAccessKeyOutput is the response of CreateAccessKey. The secret is returned
// only once.
type CreateAccessKeyOutput struct {
	AccessKey       AccessKey
	SecretAccessKey string `shape:"SecretAccessKey"`
}

// ListAccessKeysInput is the request of ListAccessKeys.
type ListAccessKeysInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListAccessKeysOutput is the response of ListAccessKeys.
type ListAccessKeysOutput struct {
	AccessKeys []AccessKey `shape:"AccessKeyList"`
	NextToken  string      `json:",omitzero" shape:"SharpNextToken"`
}

// UpdateAccessKeyInput is the request of UpdateAccessKey.
type UpdateAccessKeyInput struct {
	AccessKeyId string `shape:"AccessKeyId"`
	Status      string `shape:"AccessKeyStatus"`
}

// UpdateAccessKeyOutput is the response of UpdateAccessKey.
type UpdateAccessKeyOutput struct{}

// RotateAccessKeyInput is the request of RotateAccessKey.
type RotateAccessKeyInput struct {
	AccessKeyId string `shape:"AccessKeyId"`
	KeepOldFor  *int   `json:",omitzero" shape:"KeepOldFor"`
}

// RotateAccessKeyOutput is the response of RotateAccessKey. The secret is returned
// only once.
type RotateAccessKeyOutput struct {
	AccessKey       AccessKey
	SecretAccessKey string `shape:"SecretAccessKey"`
}

// DeleteAccessKeyInput is the request of DeleteAccessKey.
type DeleteAccessKeyInput struct {
	AccessKeyId string `shape:"AccessKeyId"`
}

// DeleteAccessKeyOutput is the response of DeleteAccessKey.
type DeleteAccessKeyOutput struct{}

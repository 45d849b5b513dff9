package lockstep

import (
	"encoding/json"
	"fmt"
	"time"
)

// storedCredential is the JSON of a credential. The names are part of the stored
// format.
type storedCredential struct {
	Kind           CredentialKind `json:"kind"`
	Username       string         `json:"username,omitempty"`
	Secret         string         `json:"secret,omitempty"`
	AppID          string         `json:"app_id,omitempty"`
	InstallationID string         `json:"installation_id,omitempty"`
	RefreshToken   string         `json:"refresh_token,omitempty"`
	ClientID       string         `json:"client_id,omitempty"`
	ClientSecret   string         `json:"client_secret,omitempty"`
	ExpiresAt      time.Time      `json:"expires_at,omitzero"`
}

// Encode returns the JSON of a credential, to be sealed. It is the only way in which
// all secrets leave a Credential.
func (c Credential) Encode() ([]byte, error) { return json.Marshal(storedCredential(c)) }

// DecodeCredential returns the credential that Encode encoded.
func DecodeCredential(encoded []byte) (Credential, error) {
	var stored storedCredential
	if err := json.Unmarshal(encoded, &stored); err != nil {
		return Credential{}, fmt.Errorf("decode credential: %w", err)
	}
	return Credential(stored), nil
}

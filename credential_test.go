package lockstep_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
)

func inPEM(kind string, body []byte, headers map[string]string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: body}))
}

func TestCredentialSaysWhatIsWrongAndNotWhatItHolds(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	body, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}

	openSSH := func(cipher string) string {
		return inPEM("OPENSSH PRIVATE KEY",
			[]byte("openssh-key-v1\x00\x00\x00\x00"+string(rune(len(cipher)))+cipher), nil)
	}
	plain := inPEM("PRIVATE KEY", body, nil)
	rows := []struct {
		c    lockstep.Credential
		want string // "" is none
	}{
		{lockstep.Credential{Kind: "SSH_KEY", Secret: plain}, ""},
		{lockstep.Credential{Kind: "SSH_KEY", Username: "git", Secret: "\n" + plain + "\n"}, ""},
		{lockstep.Credential{Kind: "SSH_KEY", Secret: openSSH("none")}, ""},
		{lockstep.Credential{Kind: "SSH_KEY", Secret: openSSH("aes256-ctr")}, "passphrase"},
		{lockstep.Credential{Kind: "SSH_KEY", Secret: inPEM("ENCRYPTED PRIVATE KEY", body, nil)}, "passphrase"},
		{lockstep.Credential{
			Kind:   "SSH_KEY",
			Secret: inPEM("RSA PRIVATE KEY", body, map[string]string{"Proc-Type": "4,ENCRYPTED"}),
		}, "passphrase"},
		{lockstep.Credential{Kind: "SSH_KEY"}, "private key in PEM"},
		{lockstep.Credential{Kind: "SSH_KEY", Secret: "hunter2"}, "private key in PEM"},
		{lockstep.Credential{Kind: "SSH_KEY", Secret: inPEM("PUBLIC KEY", body, nil)}, "private key in PEM"},
		{lockstep.Credential{Kind: "SSH_KEY", Secret: plain + plain}, "more than one"},
		{lockstep.Credential{Kind: "APP", AppID: "7", InstallationID: "42", Secret: plain}, ""},
		{lockstep.Credential{Kind: "APP", AppID: "7", InstallationID: "x", Secret: plain}, "InstallationId in digits"},
		{lockstep.Credential{
			Kind:           "APP",
			AppID:          "7",
			InstallationID: "42",
			Secret:         "hunter2",
		}, "kind APP needs a private key"},
		{lockstep.Credential{Kind: "OAUTH", Secret: "hunter2"}, ""},
		{lockstep.Credential{Kind: "OAUTH", Secret: "hunter2", RefreshToken: "hunter2"}, "to renew it"},
		{lockstep.Credential{Kind: "KEY", Secret: plain}, "not one of NONE, BASIC, TOKEN, SSH_KEY, APP, OAUTH"},
	}
	for _, row := range rows {
		err := row.c.Validate()
		if row.want == "" && err != nil ||
			row.want != "" && (lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%.60q: %v, want %q", row.c.Secret, err, row.want)
		}

		if err != nil && (strings.Contains(err.Error(), "hunter2") ||
			strings.Contains(err.Error(), base64.StdEncoding.EncodeToString(body)[:20])) {
			t.Errorf("the secret is shown: %v", err)
		}
	}
}

package client_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/client"
)

// find finds the server with an AWS config file and variables.
func find(t testing.TB, config string, env map[string]string) (client.Settings, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	return client.Find(t.Context(), client.Options{Getenv: func(name string) string {
		switch name {
		case "AWS_CONFIG_FILE":
			return file
		case "AWS_SHARED_CREDENTIALS_FILE":
			return filepath.Join(dir, "credentials")
		}
		return env[name]
	}})
}

func profileWith(name, lines string) string {
	return "[profile " + name + "]\naws_access_key_id = " + keyID + "\n" +
		"aws_secret_access_key = " + secret + "\n" + lines + "\n"
}

func TestTheAuthoritiesOfAWSCABundleOrTheProfileAreTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		respondWith(200, `{"SyncBlockers":[]}`)(w, r)
	}))
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, block, 0o600); err != nil {
		t.Fatal(err)
	}

	endpoint := "endpoint_url = " + server.URL
	for name, test := range map[string]struct {
		config string
		env    map[string]string
	}{
		"variable": {profileWith("lockstep", endpoint), map[string]string{"AWS_CA_BUNDLE": bundle}},
		"profile":  {profileWith("lockstep", endpoint+"\nca_bundle = "+bundle), nil},
		"variable is first": {
			profileWith("lockstep", endpoint+"\nca_bundle = /nowhere"),
			map[string]string{"AWS_CA_BUNDLE": bundle},
		},
	} {
		t.Run(name, func(t *testing.T) {
			settings, err := find(t, test.config, test.env)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.New(settings).Hosts(t.Context()); err != nil {
				t.Errorf("the server is not trusted: %v", err)
			}
		})
	}
}

func TestABundleThatCannotBeUsedIsNamed(t *testing.T) {
	config := profileWith("lockstep", "endpoint_url = https://lockstep.example.com")
	_, err := find(t, config, map[string]string{"AWS_CA_BUNDLE": "/nowhere/ca.pem"})
	if err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
		t.Errorf("the error is %v, want one that names AWS_CA_BUNDLE", err)
	}
}

func TestAWSVariablesNameTheServer(t *testing.T) {
	config := profileWith("lockstep", "endpoint_url = https://one.example.com") +
		profileWith("second", "endpoint_url = https://two.example.com")
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"no variable": {nil, "https://one.example.com"},
		"AWS_PROFILE": {map[string]string{"AWS_PROFILE": "second"}, "https://two.example.com"},
		"AWS_ENDPOINT_URL": {map[string]string{
			"AWS_ENDPOINT_URL": "https://three.example.com",
		}, "https://three.example.com"},
		"the service's before AWS_ENDPOINT_URL": {map[string]string{
			"AWS_ENDPOINT_URL":                 "https://three.example.com",
			"AWS_ENDPOINT_URL_CODECONNECTIONS": "https://four.example.com",
		}, "https://four.example.com"},
		"Lockstep's before those of AWS": {map[string]string{
			"LOCKSTEP_ENDPOINT_URL":            "https://five.example.com",
			"AWS_ENDPOINT_URL_CODECONNECTIONS": "https://four.example.com",
		}, "https://five.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			settings, err := find(t, config, test.env)
			if err != nil || settings.Endpoint != test.want {
				t.Errorf("the server is %q (%v), want %q", settings.Endpoint, err, test.want)
			}
		})
	}
}

func TestAnAWSProfileWithoutAServerIsRefusedByName(t *testing.T) {
	config := profileWith("lockstep", "endpoint_url = https://one.example.com") +
		profileWith("dev", "region = eu-west-1")
	for _, name := range []string{"dev", "nobody"} {
		_, err := find(t, config, map[string]string{"AWS_PROFILE": name})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "AWS_PROFILE") {
			t.Errorf("the error of %s is %v, want one that names it and AWS_PROFILE", name, err)
		}
	}
}

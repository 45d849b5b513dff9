package seal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/seal"
)

const canary = "canary-hunter2"

// holder has the secret where fmt and encoders treat it in different ways:
// exported, unexported (no methods are called), embedded in others.
type holder struct {
	Shown  seal.Secret
	hidden seal.Secret
	List   []seal.Secret
	Map    map[string]seal.Secret
	Ptr    *seal.Secret
}

func newHolder() holder {
	s := seal.NewSecret(canary)
	return holder{Shown: s, hidden: s, List: []seal.Secret{s}, Map: map[string]seal.Secret{"k": s}, Ptr: &s}
}

func refuseCanary(t *testing.T, how, text string) {
	t.Helper()
	for _, leak := range []string{
		canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary)),
	} {
		if strings.Contains(text, leak) {
			t.Errorf("%s shows the secret: %s", how, text)
		}
	}
}

func TestSecretHidesFromFmt(t *testing.T) {
	holder := newHolder()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3v"} {
		for _, value := range []any{holder.Shown, &holder.Shown, holder, &holder, holder.List, holder.Map} {
			refuseCanary(t, fmt.Sprintf("%s of %T", verb, value), fmt.Sprintf(verb, value))
		}
	}
	refuseCanary(t, "an error", fmt.Errorf("dial: %v", holder.Shown).Error())
}

func TestSecretHidesFromLogs(t *testing.T) {
	h := newHolder()
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(handler).With("with", h.Shown).Info("m", "secret", h.Shown, "holder", h, "ptr", &h)
	}
	refuseCanary(t, "slog", log.String())
	if !strings.Contains(log.String(), "[hidden]") {
		t.Errorf("no placeholder in %s", log.String())
	}
}

func TestSecretHidesFromEncoders(t *testing.T) {
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal, "yaml": yaml.Marshal,
	}
	for name, encode := range encoders {
		text, err := encode(struct{ Secret seal.Secret }{seal.NewSecret(canary)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}

		refuseCanary(t, name, string(text))
		if !bytes.Contains(text, []byte("[hidden]")) {
			t.Errorf("%s: no placeholder in %s", name, text)
		}
	}
}

func TestSecretIsReadFromConfiguration(t *testing.T) {
	var fromYAML, fromJSON struct{ Token seal.Secret }
	if err := yaml.Unmarshal([]byte("token: "+canary), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"Token": "`+canary+`"}`), &fromJSON); err != nil {
		t.Fatal(err)
	}
	got := []string{fromYAML.Token.Reveal(), fromJSON.Token.Reveal()}
	if diff := cmp.Diff([]string{canary, canary}, got); diff != "" {
		t.Errorf("revealed (-want +got):\n%s", diff)
	}
}

func TestUnsetSecretShowsThatItIsUnset(t *testing.T) {
	if got := fmt.Sprintf("<%v%s>", seal.Secret{}, seal.NewSecret("")); got != "<>" {
		t.Errorf("unset secrets print as %q", got)
	}
	if got := (seal.Secret{}).Reveal(); got != "" {
		t.Errorf("an unset secret reveals %q", got)
	}
}

func TestSecretsAreEqualByText(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "ab", false}, {"", "", true}, {"", "a", false},
	} {
		if got := seal.NewSecret(test.a).Equal(seal.NewSecret(test.b)); got != test.want {
			t.Errorf("Equal(%q, %q) = %v", test.a, test.b, got)
		}
	}
}

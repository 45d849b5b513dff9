package wire_test

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

var update = flag.Bool("update", false, "write the tables of facts from botocore's models")

// A model is what a botocore model file says, as far as a client can see it.
type model struct {
	Metadata struct {
		Protocol, JSONVersion, SigningName, TargetPrefix string
	}
	Operations map[string]struct {
		HTTP          struct{ Method, RequestURI string }
		Input, Output struct{ Shape string }
		Errors        []struct{ Shape string }
	}
	Shapes map[string]struct {
		Type      string
		Required  []string
		Members   map[string]struct{ Shape string }
		Member    struct{ Shape string }
		Min, Max  *int
		Pattern   string
		Enum      []string
		Exception bool
	}
}

func (m model) facts() facts {
	f := facts{}
	f.add("service %s %s %s %s", m.Metadata.SigningName, m.Metadata.TargetPrefix, m.Metadata.Protocol, m.Metadata.JSONVersion)
	for name, op := range m.Operations {
		var errors []string
		for _, e := range op.Errors {
			errors = append(errors, e.Shape)
		}
		f.add("operation %s %s %s %s %s %s", name, op.HTTP.Method, op.HTTP.RequestURI, op.Input.Shape, op.Output.Shape, strings.Join(errors, " "))
	}
	for name, s := range m.Shapes {
		switch {
		case s.Exception:
			f.add("structure %s exception", name)
		case s.Type == "structure":
			f.add("structure %s", name)
		case s.Type == "list":
			f.add("list %s of %s", name, s.Member.Shape)
		}
		if s.Type == "structure" {
			for member, of := range s.Members {
				need := "optional"
				for _, r := range s.Required {
					if r == member {
						need = "required"
					}
				}
				f.add("member %s.%s %s %s", name, member, of.Shape, need)
			}
			continue
		}
		var text string
		if s.Min != nil && s.Max != nil {
			text = constraints(true, *s.Min, *s.Max, s.Pattern, s.Enum)
		} else {
			text = constraints(false, 0, 0, s.Pattern, s.Enum)
			if s.Max != nil {
				f.add("shape %s %s max %d", name, s.Type, *s.Max)
				continue
			}
		}
		f.add("shape %s %s%s", name, s.Type, text)
	}
	return f
}

// botocore returns the model of a service, or skips the test: in CI, fails it.
func botocore(t *testing.T, path string) model {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import botocore; print(botocore.__path__[0])").Output()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 with botocore is needed in CI")
		}
		t.Skip("python3 with botocore is not installed")
	}
	file, err := os.Open(filepath.Join(strings.TrimSpace(string(out)), "data", path, "service-2.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.NewDecoder(unzipped).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

var awsServices = []struct {
	name, model string
	service     func() wire.Service
}{
	{"codeconnections", "codeconnections/2023-12-01", wire.CodeConnections},
	{"codestar-connections", "codestar-connections/2019-12-01", wire.CodeStarConnections},
}

func table(name string) string { return filepath.Join("testdata", name+".txt") }

func TestTablesOfFactsAreThoseOfBotocore(t *testing.T) {
	for _, s := range awsServices {
		t.Run(s.name, func(t *testing.T) {
			want := botocore(t, s.model).facts().String()
			if *update {
				if err := os.WriteFile(table(s.name), []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(table(s.name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("botocore has another model; -update takes it over (-botocore +table):\n%s", diff)
			}
		})
	}
}

func TestServicesAreDeclaredAsTheModelsSay(t *testing.T) {
	for _, s := range awsServices {
		t.Run(s.name, func(t *testing.T) {
			want, err := os.ReadFile(table(s.name))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(s.service().Operations); n != 27 {
				t.Errorf("%d operations, want 27", n)
			}
			if diff := cmp.Diff(string(want), declared(t, s.service()).String()); diff != "" {
				t.Errorf("(-model +declared):\n%s", diff)
			}
		})
	}
}

// The older service lacks a shape on purpose. In Lockstep's own service, which
// has all of them, a shape tag that names none would lose a member.
func TestEveryMemberNamesAShapeThatExists(t *testing.T) {
	s := wire.Lockstep()
	s.Operations = append(s.Operations, wire.CodeConnections().Operations...)
	f := declared(t, s)
	for _, op := range s.Operations {
		for _, typ := range []reflect.Type{op.Input, op.Output} {
			if got, want := len(members(t, s, typ)), typ.NumField(); got != want {
				t.Errorf("%s has %d fields and %d members", typ.Name(), want, got)
			}
		}
	}
	text := f.String()
	for name := range s.Shapes {
		if !strings.Contains(text, "\nshape "+name+" ") {
			t.Errorf("shape %s is used by no member", name)
		}
	}
}

func TestOperationsDeclareEachExceptionOnce(t *testing.T) {
	for _, s := range wire.Services() {
		seen := map[string]bool{}
		for _, op := range s.Operations {
			if seen[op.Name] {
				t.Errorf("%s: %s is there twice", s.Name, op.Name)
			}
			seen[op.Name] = true
			if op.Input.Name() != op.Name+"Input" || op.Output.Name() != op.Name+"Output" {
				t.Errorf("%s takes %v and answers %v", op.Name, op.Input, op.Output)
			}
			declared := map[string]bool{}
			for _, e := range op.Errors {
				if declared[e] {
					t.Errorf("%s declares %s twice", op.Name, e)
				}
				declared[e] = true
			}
		}
	}
}

package wire_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

var update = flag.Bool("update", false, "write the tables of facts from botocore's models")

// A model is a botocore model file. It has a field for everything that such a
// file says today, so that what a later one says beside it is an error and not
// overlooked.
type model struct {
	Version    string
	Metadata   metadata
	Operations map[string]modelOperation
	Shapes     map[string]modelShape
	// Documentation, here and below, is for people.
	Documentation string
}

type metadata struct {
	TargetPrefix, Protocol, JSONVersion, SigningName, SignatureVersion string
	Protocols, Auth                                                    []string
	// What the SDKs call the service, and where they find it at AWS.
	APIVersion, EndpointPrefix, ServiceFullName, ServiceID, UID string
}

type modelOperation struct {
	Name          string
	HTTP          struct{ Method, RequestURI string }
	Input, Output struct{ Shape string }
	Errors        []struct{ Shape, Documentation string }
	Documentation string
}

type modelShape struct {
	Type      string
	Required  []string
	Members   modelMembers
	Member    struct{ Shape string }
	Min, Max  *int
	Pattern   string
	Enum      []string
	Exception bool
	Sensitive bool
	// Documentation as above.
	Documentation string
}

// modelMembers are the members in the order of the file: AWS counts what is
// wrong with an input in this order.
type modelMembers []modelMember

type modelMember struct{ Name, Shape, Documentation string }

func (m *modelMembers) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if _, err := d.Token(); err != nil {
		return err
	}

	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}

		var one modelMember
		if err := d.Decode(&one); err != nil {
			return fmt.Errorf("%v: %w", name, err)
		}

		one.Name = name.(string)
		*m = append(*m, one)
	}

	return nil
}

func parseModel(r io.Reader) (model, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var m model
	err := d.Decode(&m)
	return m, err
}

func (m model) facts() facts {
	f := facts{}
	f.add("service %s %s %s %s %s", m.Metadata.SigningName, m.Metadata.TargetPrefix, m.Metadata.Protocol, m.Metadata.JSONVersion, m.Metadata.SignatureVersion)
	f.add("protocols %s", strings.Join(m.Metadata.Protocols, " "))
	f.add("auth %s", strings.Join(m.Metadata.Auth, " "))

	for name, op := range m.Operations {
		var errors []string
		for _, e := range op.Errors {
			errors = append(errors, e.Shape)
		}

		f.add("operation %s %s %s %s %s %s", name, op.HTTP.Method, op.HTTP.RequestURI, op.Input.Shape, op.Output.Shape, strings.Join(errors, " "))
		if op.Name != name {
			f.add("operation %s is called %s", name, op.Name)
		}
	}

	for name, s := range m.Shapes {
		s.addTo(f, name)
	}

	return f
}

func (s modelShape) addTo(f facts, name string) {
	if s.Type != "structure" {
		f.add("shape %s %s%s", name, s.Type, constraints(s.Min, s.Max, s.Pattern, s.Enum, s.Sensitive))
		if s.Type == "list" {
			f.add("list %s of %s", name, s.Member.Shape)
		}
		return
	}

	kind := ""
	if s.Exception {
		kind = " exception"
	}

	f.add("structure %s%s", name, kind)
	var order []string
	for _, m := range s.Members {
		need := "optional"
		if slices.Contains(s.Required, m.Name) {
			need = "required"
		}

		f.add("member %s.%s %s %s", name, m.Name, m.Shape, need)
		order = append(order, m.Name)
	}

	f.addOrder(name, order)
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

	m, err := parseModel(unzipped)
	if err != nil {
		t.Fatalf("the model of %s says something that the facts leave out: %v", path, err)
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

func TestServicesConformToBotocoresModels(t *testing.T) {
	for _, s := range awsServices {
		t.Run(s.name, func(t *testing.T) {
			want, err := os.ReadFile(table(s.name))
			if err != nil {
				t.Fatal(err)
			}

			if n := len(s.service().Operations); n != 27 {
				t.Errorf("%d operations, want 27", n)
			}

			got := declared(t, withoutExtension(t, s.service()))
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-model +declared):\n%s", diff)
			}
		})
	}
}

// Lockstep's own service has no model but this one. Its table says to a reviewer
// what a change of it means for clients, and to other tests what to expect.
func TestTableOfLockstepsOwnServiceIsUpToDate(t *testing.T) {
	want := declared(t, wire.Lockstep()).String()
	if *update {
		if err := os.WriteFile(table(wire.LockstepName), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	got, err := os.ReadFile(table(wire.LockstepName))
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("if this is what clients shall see: go test ./internal/wire -update (-table +declared):\n%s", diff)
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

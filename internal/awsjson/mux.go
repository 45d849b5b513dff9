package awsjson

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// Options are what a [Mux] cannot know. Only Services is needed.
type Options struct {
	// Services share the port. Their prefixes differ, and so do the last segments
	// of these.
	Services []Service
	// Authenticate says who sends a request, and returns the context that the
	// operation gets; it must be r's or made from it. It must not keep body. The
	// service is a Service's Name. Without it everybody may call everything.
	Authenticate func(r *http.Request, body []byte, service string) (context.Context, error)
	// Errors turns an error of an operation or of Authenticate into an answer. The
	// code is the exception's name without a namespace. Without it every error
	// that is no *Error is an InternalFailure.
	Errors func(operation string, err error) (code string, status int, message string)
	// Logger gets one line a request. Defaults to none.
	Logger *slog.Logger
	// Observe is told of each answer: which operation of which service it was,
	// "" for one that is not known, the exception's code or "" for none, and how
	// long it took. Names that a caller made up never reach it, so that all may be
	// labels of a metric. Defaults to nobody.
	Observe func(service, operation, code string, took time.Duration)
	// MaxBody is the size of the largest body, in bytes. Defaults to 1 MiB.
	MaxBody int64
	// MaxDepth is how deep JSON may be nested. Defaults to 64.
	MaxDepth int
}

// A Service is a set of operations with a prefix of its own.
type Service struct {
	// Name is how [Handle] and Authenticate call it.
	Name string
	// Prefix is what stands before the operation in X-Amz-Target.
	Prefix string
	// Shapes says what each shape demands. A field whose shape is not in it is no
	// member of this service: ignored in an input, left out of an output.
	Shapes map[string]Shape
}

// A Mux answers AWS JSON requests. Operations are registered before it serves;
// after that it may be used by many goroutines at once.
type Mux struct {
	options  Options
	byName   map[string]*service
	byPrefix map[string]*service
}

type service struct {
	name       string
	namespace  string // of the exceptions of its model, "" for none
	planner    *planner
	operations map[string]operation
}

// An operation decodes a body, calls a function and encodes its output.
type operation func(ctx context.Context, body []byte) ([]byte, error)

// NewMux returns a Mux without operations. It panics when two services have the
// same name or prefix.
func NewMux(o Options) *Mux {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}

	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}

	if o.MaxDepth == 0 {
		o.MaxDepth = 64
	}

	m := &Mux{options: o, byName: map[string]*service{}, byPrefix: map[string]*service{}}
	for _, s := range o.Services {
		entry := &service{name: s.Name, planner: newPlanner(s.Shapes), operations: map[string]operation{}}
		short := s.Prefix
		if dot := strings.LastIndexByte(s.Prefix, '.'); dot >= 0 {
			entry.namespace, short = s.Prefix[:dot], s.Prefix[dot+1:]
		}

		if m.byName[s.Name] != nil || m.byPrefix[s.Prefix] != nil || m.byPrefix[short] != nil {
			panic("awsjson: service " + s.Name + " (" + s.Prefix + ") is declared twice")
		}

		m.byName[s.Name], m.byPrefix[s.Prefix], m.byPrefix[short] = entry, entry, entry
	}

	return m
}

// Handle registers fn as an operation of a service. In and Out are structs. Each
// exported field is a member: its name is the field's, or the json tag's; it is
// required unless the json tag says omitzero; its shape tag names a shape of the
// service, except for a field that is a struct itself. Fields are strings, ints,
// bools, lists of strings or structs, structs, pointers to these, or types that
// have both of encoding/json's interfaces. Out may be [Raw] instead. A nil output
// without an error is an empty one.
//
// Handle panics where the program is wrong: an unknown service, an operation
// registered twice, a type or a pattern that the protocol has no place for.
func Handle[In, Out any](m *Mux, service, operation string, fn func(context.Context, *In) (*Out, error)) {
	s := m.byName[service]
	if s == nil {
		panic("awsjson: unknown service " + service)
	}

	if s.operations[operation] != nil {
		panic("awsjson: operation " + service + "." + operation + " is registered twice")
	}

	input, err := s.planner.structure(reflect.TypeFor[In]())
	if err != nil {
		panic(fmt.Sprintf("awsjson: input of %s.%s: %v", service, operation, err))
	}

	output := &structure{}
	if reflect.TypeFor[Out]() != reflect.TypeFor[Raw]() {
		if output, err = s.planner.structure(reflect.TypeFor[Out]()); err != nil {
			panic(fmt.Sprintf("awsjson: output of %s.%s: %v", service, operation, err))
		}
	}

	s.operations[operation] = func(ctx context.Context, body []byte) ([]byte, error) {
		in := new(In)
		if err := decode(input, s.namespace, body, m.options.MaxDepth, reflect.ValueOf(in).Elem()); err != nil {
			return nil, err
		}

		out, err := fn(ctx, in)
		if err != nil {
			return nil, err
		}

		return encode(output, out)
	}
}

func encode[Out any](s *structure, out *Out) ([]byte, error) {
	if out == nil {
		return []byte("{}"), nil
	}
	if raw, ok := any(out).(*Raw); ok {
		return *raw, nil
	}
	return appendStructure(make([]byte, 0, 512), s, reflect.ValueOf(out).Elem())
}

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

// Options configure a [Mux]. Only Services is required.
type Options struct {
	// Services share the port. Their prefixes must differ, also in the last
	// segments.
	Services []Service
	// Authenticate authenticates a request to a service, given by its Name. It is
	// called before the body is read, so that a request that cannot be valid costs
	// nothing more. Without it, every request is accepted.
	Authenticate func(r *http.Request, service string) (Verify, error)
	// Errors returns the response for an error of an operation or of Authenticate.
	// The code is the name of the exception, without a namespace. Without it, every
	// error that is not an *Error is an InternalFailure.
	Errors func(operation string, err error) (code string, status int, message string)
	// Logger gets one line a request. Defaults to none.
	Logger *slog.Logger
	// Observe is called for each response with its service and operation ("" if
	// unknown), the exception ("" if there is none), and the duration. It never gets
	// names that a client made up, so all are safe as metric labels. Optional.
	Observe func(service, operation, code string, took time.Duration)
	// MaxBody is the maximum size of a body, in bytes. Defaults to 1 MiB.
	MaxBody int64
	// MaxDepth is the maximum nesting of JSON. Defaults to 64.
	MaxDepth int
}

// Verify verifies that the sender of a request sent this body, which it must not
// retain. The operation gets the returned context, which must be derived from that of
// the request.
type Verify func(body []byte) (context.Context, error)

// A Service is a set of operations with a prefix.
type Service struct {
	// Name identifies the service to [Handle] and Authenticate.
	Name string
	// Prefix precedes the operation in X-Amz-Target.
	Prefix string
	// Shapes are the constraints by shape. A field whose shape is missing is not a
	// member of the service: it is ignored in inputs and left out of outputs.
	Shapes map[string]Shape
}

// A Mux serves AWS JSON requests. Register all operations before it serves. Then it
// is safe for concurrent use.
type Mux struct {
	options  Options
	byName   map[string]*service
	byPrefix map[string]*service
}

type service struct {
	name       string
	namespace  string // of the exceptions of its model, "" for none
	compiler   *compiler
	operations map[string]operation
}

// An operation decodes a body, calls a function and encodes its output.
type operation func(ctx context.Context, body []byte) ([]byte, error)

// NewMux returns a Mux without operations. It panics if two services have the same
// name or prefix.
func NewMux(options Options) *Mux {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}

	if options.MaxBody == 0 {
		options.MaxBody = 1 << 20
	}

	if options.MaxDepth == 0 {
		options.MaxDepth = 64
	}

	mux := &Mux{options: options, byName: map[string]*service{}, byPrefix: map[string]*service{}}
	for _, declared := range options.Services {
		entry := &service{
			name:       declared.Name,
			compiler:   newCompiler(declared.Shapes),
			operations: map[string]operation{},
		}
		short := declared.Prefix
		if dot := strings.LastIndexByte(declared.Prefix, '.'); dot >= 0 {
			entry.namespace, short = declared.Prefix[:dot], declared.Prefix[dot+1:]
		}

		if mux.byName[declared.Name] != nil || mux.byPrefix[declared.Prefix] != nil || mux.byPrefix[short] != nil {
			panic("awsjson: service " + declared.Name + " (" + declared.Prefix + ") is declared twice")
		}

		mux.byName[declared.Name] = entry
		mux.byPrefix[declared.Prefix] = entry
		mux.byPrefix[short] = entry
	}

	return mux
}

// Handle registers fn as an operation of a service.
//
// In and Out are structs. Each exported field is a member. Its name is the field's,
// or that of the json tag. It is required unless the json tag has omitzero. Its
// shape tag names a shape of the service, unless the field is a struct. Fields are
// strings, ints, bools, lists of strings or structs, structs, pointers to these, or
// types that implement encoding/json's Marshaler and Unmarshaler. Out may also be
// [Raw]. A nil output without an error is an empty one.
//
// Handle panics if the service is unknown, if the operation is registered already,
// or if the protocol cannot represent a type or a pattern.
func Handle[In, Out any](mux *Mux, service, operation string, fn func(context.Context, *In) (*Out, error)) {
	entry := mux.byName[service]
	if entry == nil {
		panic("awsjson: unknown service " + service)
	}

	if entry.operations[operation] != nil {
		panic("awsjson: operation " + service + "." + operation + " is registered twice")
	}

	inputSchema, err := entry.compiler.structure(reflect.TypeFor[In]())
	if err != nil {
		panic(fmt.Sprintf("awsjson: input of %s.%s: %v", service, operation, err))
	}

	outputSchema := &structure{}
	if reflect.TypeFor[Out]() != reflect.TypeFor[Raw]() {
		if outputSchema, err = entry.compiler.structure(reflect.TypeFor[Out]()); err != nil {
			panic(fmt.Sprintf("awsjson: output of %s.%s: %v", service, operation, err))
		}
	}

	entry.operations[operation] = func(ctx context.Context, body []byte) ([]byte, error) {
		input := new(In)
		err := decode(inputSchema, entry.namespace, body, mux.options.MaxDepth, reflect.ValueOf(input).Elem())
		if err != nil {
			return nil, err
		}

		output, err := fn(ctx, input)
		if err != nil {
			return nil, err
		}

		return encode(outputSchema, output)
	}
}

func encode[Out any](schema *structure, output *Out) ([]byte, error) {
	if output == nil {
		return []byte("{}"), nil
	}
	if raw, ok := any(output).(*Raw); ok {
		return *raw, nil
	}
	return appendStructure(make([]byte, 0, 512), schema, reflect.ValueOf(output).Elem())
}

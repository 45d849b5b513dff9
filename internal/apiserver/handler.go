package apiserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/ratelimit"
	"github.com/lockstephq/lockstep/internal/wire"
)

// Options are what a handler needs. Fields without a default are required.
type Options struct {
	API *api.Service
	IAM *iam.Service
	// Directory verifies signatures.
	Directory *identity.Directory
	// ProviderTypes are accepted in requests in addition to those that AWS enumerates.
	ProviderTypes []lockstep.ProviderType
	// Rates bound the requests of a principal. Defaults to no limit.
	Rates access.Rates
	// Logger gets one line a request. Defaults to none.
	Logger *slog.Logger
	// Observe is called with each response, as in [awsjson.Options]. Optional.
	Observe func(service, operation, code string, took time.Duration)
}

// New returns a handler that serves all operations on any path.
func New(options Options) http.Handler {
	services := wire.Services()
	auth := &authenticator{
		api:       options.API,
		directory: options.Directory,
		limiter:   access.NewLimiter(options.Rates),
		failures:  ratelimit.New(failuresPerSecond, failuresAtOnce),
	}
	mux := awsjson.NewMux(awsjson.Options{
		Services:     protocolServices(services, options.ProviderTypes),
		Authenticate: auth.authenticate,
		Errors:       newExceptions(services).respond,
		Logger:       options.Logger,
		Observe:      options.Observe,
	})
	routeAWS(mux, options.API)
	routeLockstep(mux, options.API, options.IAM)

	return mux
}

// protocolServices returns what package awsjson needs to know of services.
func protocolServices(services []wire.Service, providerTypes []lockstep.ProviderType) []awsjson.Service {
	added := notEnumerated(services, providerTypes)
	var all []awsjson.Service
	for _, service := range services {
		shapes := map[string]awsjson.Shape{}
		for name, shape := range service.Shapes {
			if name == providerTypeShape {
				shape.Enum = append(slices.Clip(shape.Enum), added...)
			}
			shapes[name] = awsjson.Shape(shape)
		}
		all = append(all, awsjson.Service{Name: service.Name, Prefix: service.Prefix, Shapes: shapes})
	}
	return all
}

// providerTypeShape is the name of the enumeration of provider types.
const providerTypeShape = "ProviderType"

// notEnumerated returns the provider types that no service enumerates. AWS's two services
// enumerate different ones, and each keeps its own.
func notEnumerated(services []wire.Service, providerTypes []lockstep.ProviderType) []string {
	var added []string
	for _, providerType := range providerTypes {
		isEnumerated := slices.ContainsFunc(services, func(service wire.Service) bool {
			return slices.Contains(service.Shapes[providerTypeShape].Enum, string(providerType))
		})
		if !isEnumerated {
			added = append(added, string(providerType))
		}
	}
	return added
}

// callerContextKey is the context key of the authenticated access.Caller.
type callerContextKey struct{}

// handle registers an operation. The operation gets the authenticated caller.
func handle[In, Out any](mux *awsjson.Mux, service, name string,
	operation func(context.Context, access.Caller, *In) (*Out, error)) {
	awsjson.Handle(mux, service, name, func(ctx context.Context, input *In) (*Out, error) {
		caller, ok := ctx.Value(callerContextKey{}).(access.Caller)
		if !ok {
			return nil, errors.New("no authenticated caller")
		}

		output, err := operation(ctx, caller, input)
		if err == nil && !caller.Consulted() {
			return nil, fmt.Errorf("%s has not authorized its caller", name)
		}

		return output, err
	})
}

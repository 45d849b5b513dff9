package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/wire"
)

// Handler answers signed requests for all operations, on whatever path. It
// trusts the Host header no further than the signature does: whoever listens
// on a loopback address refuses unknown ones before.
func (s *Service) Handler() http.Handler {
	services := wire.Services()
	g := &authenticator{service: s, throttle: newThrottle(s.o.Rates)}
	mux := awsjson.NewMux(awsjson.Options{
		Services:     protocolServices(services),
		Authenticate: g.authenticate,
		Errors:       newExceptions(services).respond,
		Logger:       s.o.Logger,
		Observe:      s.o.Observe,
	})
	s.route(mux)
	return mux
}

// protocolServices tells the protocol, which knows no operation, what it needs
// of the services.
func protocolServices(services []wire.Service) []awsjson.Service {
	var all []awsjson.Service
	for _, service := range services {
		shapes := map[string]awsjson.Shape{}
		for name, shape := range service.Shapes {
			shapes[name] = awsjson.Shape(shape)
		}
		all = append(all, awsjson.Service{Name: service.Name, Prefix: service.Prefix, Shapes: shapes})
	}
	return all
}

// handle registers an operation, which gets the caller that the gate has let
// in.
func handle[In, Out any](m *awsjson.Mux, service, operation string, fn func(context.Context, Caller, *In) (*Out, error)) {
	awsjson.Handle(m, service, operation, func(ctx context.Context, input *In) (*Out, error) {
		caller, ok := ctx.Value(callerContextKey{}).(Caller)
		if !ok {
			return nil, errors.New("an operation was called and nobody calls")
		}
		out, err := fn(ctx, caller, input)
		if err == nil && !caller.authority.asked.Load() {
			return nil, fmt.Errorf("%s has answered and asked nobody whether it may", operation)
		}
		return out, err
	})
}

type callerContextKey struct{}

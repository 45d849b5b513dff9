package interop

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	"github.com/aws/smithy-go"

	"github.com/lockstephq/lockstep/internal/wire"
)

// goClient gives the SDK's client of a service for one path of a double. Its
// retries are the SDK's own, without the waiting.
func goClient(d *double, service, path string) reflect.Value {
	endpoint := d.url + "/go/" + path
	key := credentials.NewStaticCredentialsProvider(accessKey, secretKey, sessionToken)
	patient := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		o.RateLimiter = unlimited{}
	})
	if service == wire.CodeConnectionsName {
		return reflect.ValueOf(codeconnections.New(codeconnections.Options{
			Region: region, BaseEndpoint: &endpoint, Credentials: key, Retryer: patient}))
	}

	return reflect.ValueOf(codestarconnections.New(codestarconnections.Options{
		Region: region, BaseEndpoint: &endpoint, Credentials: key, Retryer: patient}))
}

// unlimited lets the SDK retry however often it was refused before.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// goCall calls an operation by its name, with an input made of a sample.
func goCall(t *testing.T, client reflect.Value, operation string, input map[string]any) (any, error) {
	t.Helper()
	call := client.MethodByName(operation)
	if !call.IsValid() {
		t.Fatalf("the SDK for Go has no %s", operation)
	}

	in := reflect.New(call.Type().In(1).Elem())
	text, err := json.Marshal(input)
	if err == nil {
		err = json.Unmarshal(text, in.Interface())
	}

	if err != nil {
		t.Fatal(err)
	}

	out := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	err, _ = out[1].Interface().(error)
	return out[0].Interface(), err
}

func TestSDKForGo(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	got := map[string]map[string]answered{}
	for service, operations := range d.cases {
		got[service] = map[string]answered{}
		for operation, c := range operations {
			out, err := goCall(t, goClient(d, service, "ok"), operation, c.Input)
			if err != nil {
				t.Errorf("%s.%s: %v", service, operation, err)
				continue
			}

			a := answered{Output: goOutput(reflect.ValueOf(out).Elem()), Errors: map[string]seen{}}
			for _, e := range c.Errors {
				_, err := goCall(t, goClient(d, service, e.Code), operation, c.Input)
				a.Errors[e.Code] = goException(t, err)
			}

			got[service][operation] = a
		}
	}

	// The SDK for Go makes a type of an exception where the operation declares it.
	compareAnswers(t, d, got, func(e exception) string {
		if e.Declared {
			return e.Code
		}
		return "GenericAPIError"
	})

	d.tried("go", map[string]int{"ThrottlingException": 3, "LimitExceededException": 3, "InternalServerException": 3, "InternalFailure": 3})
}

// goOutput makes a sample of what the SDK has decoded. Unlike encoding/json it
// leaves out what is absent.
func goOutput(v reflect.Value) map[string]any {
	all := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		if one := goValue(v.Field(i)); one != nil {
			all[f.Name] = one
		}
	}
	return all
}

func goValue(v reflect.Value) any {
	if at, ok := v.Interface().(*time.Time); ok && at != nil {
		return float64(at.UnixMicro()) / 1e6
	}

	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return goValue(v.Elem())

	case reflect.Struct:
		return goOutput(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}

		var all []any
		for i := range v.Len() {
			all = append(all, goValue(v.Index(i)))
		}

		return all
	case reflect.String:
		if v.Len() == 0 {
			return nil // an enumeration that is absent
		}
		return v.String()
	}

	return float64(v.Int())
}

func goException(t *testing.T, err error) seen {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	answer, answered := errors.AsType[*awshttp.ResponseError](err)
	if !ok || !answered {
		t.Errorf("%v (%T) is no exception of an API", err, err)
		return seen{}
	}
	return seen{Code: api.ErrorCode(), Class: reflect.TypeOf(api).Elem().Name(), Message: api.ErrorMessage(),
		Status: answer.HTTPStatusCode(), RequestID: len(answer.ServiceRequestID()) == 36}
}

// Between two tries the SDK for Go waits, and each time longer at most.
func TestSDKForGoWaitsBeforeItTriesAgain(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	var waited []time.Duration
	standard := retry.NewStandard()
	endpoint := d.url + "/wait/ThrottlingException"
	client := codeconnections.New(codeconnections.Options{
		Region: region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, sessionToken),
		Retryer: observed{standard, &waited},
	})
	in := decode[codeconnections.ListHostsInput](t, d.cases[wire.CodeConnectionsName]["ListHosts"].Input)
	if _, err := client.ListHosts(t.Context(), &in); err == nil || !strings.Contains(err.Error(), "exceeded maximum number of attempts, 3") {
		t.Errorf("the SDK gave up with %v", err)
	}

	if len(waited) != 2 || slices.Min(waited) <= 0 {
		t.Errorf("the SDK wanted to wait %v between three tries", waited)
	}
}

// observed notes how long the SDK wants to wait, and does not.
type observed struct {
	aws.RetryerV2
	waited *[]time.Duration
}

func (o observed) RetryDelay(attempt int, err error) (time.Duration, error) {
	wait, err := o.RetryerV2.RetryDelay(attempt, err)
	*o.waited = append(*o.waited, wait)
	return 0, err
}

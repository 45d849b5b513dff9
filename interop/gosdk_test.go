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

// goClient returns the SDK's client of a service for a path of a fake server. It
// retries without delays.
func goClient(d *fakeServer, service, path string) reflect.Value {
	endpoint := d.url + "/go/" + path
	key := credentials.NewStaticCredentialsProvider(accessKey, secretKey, sessionToken)
	patient := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		o.RateLimiter = unlimitedRetries{}
	})
	if service == wire.CodeConnectionsName {
		return reflect.ValueOf(codeconnections.New(codeconnections.Options{
			Region: region, BaseEndpoint: &endpoint, Credentials: key, Retryer: patient}))
	}

	return reflect.ValueOf(codestarconnections.New(codestarconnections.Options{
		Region: region, BaseEndpoint: &endpoint, Credentials: key, Retryer: patient}))
}

// unlimitedRetries removes the SDK's limit of retries over several requests.
type unlimitedRetries struct{}

func (unlimitedRetries) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimitedRetries) AddTokens(uint) error { return nil }

// goCall calls an operation by its name, with an input made from a sample.
func goCall(t *testing.T, client reflect.Value, operation string, sample map[string]any) (any, error) {
	t.Helper()
	call := client.MethodByName(operation)
	if !call.IsValid() {
		t.Fatalf("the SDK for Go has no %s", operation)
	}

	input := reflect.New(call.Type().In(1).Elem())
	text, err := json.Marshal(sample)
	if err == nil {
		err = json.Unmarshal(text, input.Interface())
	}

	if err != nil {
		t.Fatal(err)
	}

	out := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), input})
	err, _ = out[1].Interface().(error)
	return out[0].Interface(), err
}

func TestSDKForGo(t *testing.T) {
	t.Parallel()
	double := newFakeServer(t)
	got := map[string]map[string]clientResult{}
	for service, operations := range double.cases {
		got[service] = map[string]clientResult{}
		for operation, test := range operations {
			out, err := goCall(t, goClient(double, service, "ok"), operation, test.Input)
			if err != nil {
				t.Errorf("%s.%s: %v", service, operation, err)
				continue
			}

			answered := clientResult{Output: goOutput(reflect.ValueOf(out).Elem()), Errors: map[string]seenException{}}
			for _, exception := range test.Errors {
				_, err := goCall(t, goClient(double, service, exception.Code), operation, test.Input)
				answered.Errors[exception.Code] = goException(t, err)
			}

			got[service][operation] = answered
		}
	}

	// The SDK for Go makes a type of an exception where the operation declares it.
	compareResults(t, double, got, func(exception exception) string {
		if exception.Declared {
			return exception.Code
		}
		return "GenericAPIError"
	})

	double.tried("go", map[string]int{
		"ThrottlingException":     3,
		"LimitExceededException":  3,
		"InternalServerException": 3,
		"InternalFailure":         3,
	})
}

// goOutput returns what the SDK has decoded as a sample. Unlike encoding/json, it
// omits absent members.
func goOutput(value reflect.Value) map[string]any {
	all := map[string]any{}
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		if one := goValue(value.Field(i)); one != nil {
			all[field.Name] = one
		}
	}
	return all
}

func goValue(value reflect.Value) any {
	if at, ok := value.Interface().(*time.Time); ok && at != nil {
		return float64(at.UnixMicro()) / 1e6
	}

	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return goValue(value.Elem())

	case reflect.Struct:
		return goOutput(value)
	case reflect.Slice:
		if value.IsNil() {
			return nil
		}

		var all []any
		for i := range value.Len() {
			all = append(all, goValue(value.Index(i)))
		}

		return all
	case reflect.String:
		if value.Len() == 0 {
			return nil // an enumeration that is absent
		}
		return value.String()
	}

	return float64(value.Int())
}

func goException(t *testing.T, err error) seenException {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	answer, answered := errors.AsType[*awshttp.ResponseError](err)
	if !ok || !answered {
		t.Errorf("%v (%T) is no exception of an API", err, err)
		return seenException{}
	}
	return seenException{Code: api.ErrorCode(), Class: reflect.TypeOf(api).Elem().Name(), Message: api.ErrorMessage(),
		Status: answer.HTTPStatusCode(), RequestID: len(answer.ServiceRequestID()) == 36}
}

// The maximum of the delay grows with each retry.
func TestSDKForGoWaitsBeforeRetries(t *testing.T) {
	t.Parallel()
	double := newFakeServer(t)
	var waited []time.Duration
	standard := retry.NewStandard()
	endpoint := double.url + "/wait/ThrottlingException"
	client := codeconnections.New(codeconnections.Options{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, sessionToken),
		Retryer:      recordedDelays{standard, &waited},
	})
	in := decode[codeconnections.ListHostsInput](t, double.cases[wire.CodeConnectionsName]["ListHosts"].Input)
	_, err := client.ListHosts(t.Context(), &in)
	if err == nil || !strings.Contains(err.Error(), "exceeded maximum number of attempts, 3") {
		t.Errorf("the SDK gave up with %v", err)
	}

	if len(waited) != 2 || slices.Min(waited) <= 0 {
		t.Errorf("the SDK wanted to wait %v between three tries", waited)
	}
}

// recordedDelays records the delays of the SDK, without waiting.
type recordedDelays struct {
	aws.RetryerV2
	waited *[]time.Duration
}

func (o recordedDelays) RetryDelay(attempt int, err error) (time.Duration, error) {
	wait, err := o.RetryerV2.RetryDelay(attempt, err)
	*o.waited = append(*o.waited, wait)
	return 0, err
}

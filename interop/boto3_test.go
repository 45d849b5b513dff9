package interop

import (
	"slices"
	"testing"
)

func TestBoto3(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3")
	double := newFakeServer(t)
	var report map[string]struct {
		Seen  map[string]map[string]clientResult
		Waits []float64
	}
	runScript(t, double, &report, interpreter, "testdata/boto3_client.py")

	for _, test := range []struct {
		mode     string
		services []string
		retried  map[string]int
	}{
		{
			mode:     "standard",
			services: []string{"codeconnections", "codestar-connections"},
			retried: map[string]int{
				"ThrottlingException":     3,
				"LimitExceededException":  3,
				"InternalServerException": 3,
				"InternalFailure":         3,
			},
		},
		{
			mode:     "legacy",
			services: []string{"codeconnections"},
			retried:  map[string]int{"ThrottlingException": 5, "InternalServerException": 5, "InternalFailure": 5},
		},
	} {
		double.only(test.services...)
		compareResults(t, double, report[test.mode].Seen, func(e exception) string {
			if e.Modelled {
				return e.Code
			}
			return "ClientError"
		})

		// ListHosts was throttled once more, to see how long boto3 waits.
		once := request{
			run:       "boto3-" + test.mode,
			service:   "codeconnections",
			operation: "ListHosts",
			code:      "ThrottlingException",
		}
		double.forget(once, test.retried[once.code])
		double.tried(once.run, test.retried)

		if waits := report[test.mode].Waits; len(waits) != test.retried[once.code]-1 || slices.Min(waits) <= 0 {
			t.Errorf("%s: boto3 wanted to wait %v between %d tries", test.mode, waits, test.retried[once.code])
		}
	}
}

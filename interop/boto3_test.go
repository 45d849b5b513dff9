package interop

import (
	"slices"
	"testing"
)

func TestBoto3(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3")
	d := newDouble(t)
	var report map[string]struct {
		Seen  map[string]map[string]answered
		Waits []float64
	}
	script(t, d, &report, interpreter, "testdata/boto3_client.py")

	for _, c := range []struct {
		mode     string
		services []string
		retried  map[string]int
	}{
		{"standard", []string{"codeconnections", "codestar-connections"},
			map[string]int{"ThrottlingException": 3, "LimitExceededException": 3, "InternalServerException": 3, "InternalFailure": 3}},
		{"legacy", []string{"codeconnections"}, map[string]int{"ThrottlingException": 5, "InternalServerException": 5, "InternalFailure": 5}},
	} {
		d.only(c.services...)
		compareAnswers(t, d, report[c.mode].Seen, func(e exception) string {
			if e.Modelled {
				return e.Code
			}
			return "ClientError"
		})

		// ListHosts was throttled once more, to see how long boto3 waits.
		once := try{"boto3-" + c.mode, "codeconnections", "ListHosts", "ThrottlingException"}
		d.forget(once, c.retried[once.code])
		d.tried(once.run, c.retried)

		if waits := report[c.mode].Waits; len(waits) != c.retried[once.code]-1 || slices.Min(waits) <= 0 {
			t.Errorf("%s: boto3 wanted to wait %v between %d tries", c.mode, waits, c.retried[once.code])
		}
	}
}

package sigv4_test

import (
	"errors"
	"testing"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

func TestRegionsHaveTheFormOfAWS(t *testing.T) {
	regions := map[string]bool{
		"us-east-1":         true,
		"ap-southeast-7":    true,
		"mx-central-1":      true,
		"cn-northwest-1":    true,
		"us-gov-west-1":     true,
		"us-isob-east-1":    true,
		"eu-isoe-west-1":    true,
		"eusc-de-east-1":    true,
		"zz-fake-region-99": false,
		"us-fake-1":         false,
		"zz-east-1":         false,
		"us-east-10":        false,
		"us-east-0":         false,
		"us-east-":          false,
		"us-east":           false,
		"us-east-1-1":       false,
		"us-gov-gov-east-1": false,
		"xus-east-1":        false,
		"us-easteast-1":     false,
		"local":             false,
		"1":                 false,
		"-1":                false,
		"--1":               false,
	}
	for region, want := range regions {
		t.Run(region, func(t *testing.T) {
			signer := example()
			signer.region = region
			err := verify(&sigv4.Verifier{}, signer.send(t, exampleRequest(t), exampleBody), exampleBody, signer)

			if want && err != nil {
				t.Errorf("the region is refused: %v", err)
			}
			refusal, ok := errors.AsType[*sigv4.Error](err)
			if !want && (!ok || refusal.Reason != sigv4.Scope) {
				t.Errorf("the error is %v, want one of the scope", err)
			}
		})
	}
}

package awsjson_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

func ExampleHandle() {
	type greetInput struct {
		Name string `shape:"Name"`
	}
	type greetOutput struct {
		Greeting string `shape:"Text"`
	}

	mux := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{{
		Name:   "greeter",
		Prefix: "Greeter_20261122",
		Shapes: map[string]awsjson.Shape{"Name": {Bounded: true, Min: 1, Max: 10}, "Text": {}},
	}}})
	awsjson.Handle(mux, "greeter", "Greet", func(_ context.Context, input *greetInput) (*greetOutput, error) {
		return &greetOutput{Greeting: "Hello, " + input.Name + "!"}, nil
	})

	for _, body := range []string{`{"Name": "Jo"}`, `{"Name": ""}`} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "Greeter_20261122.Greet")
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, r)
		fmt.Println(response.Code, response.Body)
	}

	// Output:
	// 200 {"Greeting":"Hello, Jo!"}
	// 400 {"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"}
}

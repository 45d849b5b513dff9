package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/lockstephq/lockstep/internal/client"
)

func ExampleFind() {
	env := map[string]string{
		"LOCKSTEP_ENDPOINT_URL":      "https://lockstep.example.com",
		"LOCKSTEP_ACCESS_KEY_ID":     "LSAKABCDEFGHIJKLMNOP",
		"LOCKSTEP_SECRET_ACCESS_KEY": "secret",
	}

	settings, err := client.Find(context.Background(), client.Options{
		Region: "eu-central-1",
		Getenv: func(name string) string { return env[name] },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println(settings)
	// Output: https://lockstep.example.com (eu-central-1) as LSAKABCDEFGHIJKLMNOP
}

func ExampleClient_Policies() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Policies":[{"Name":"ci","Document":"permit (principal, action, resource);"}]}`)
	}))
	defer server.Close()

	env := map[string]string{
		"LOCKSTEP_ENDPOINT_URL":      server.URL,
		"LOCKSTEP_ACCESS_KEY_ID":     "LSAKABCDEFGHIJKLMNOP",
		"LOCKSTEP_SECRET_ACCESS_KEY": "secret",
	}
	settings, err := client.Find(context.Background(), client.Options{
		Getenv: func(name string) string { return env[name] },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	for policy, err := range client.New(settings).Policies(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(policy.Name)
	}
	// Output: ci
}

func ExampleSettings_Explain() {
	settings := client.Settings{Endpoint: "http://127.0.0.1:4747"}
	problem, hint := settings.Explain(&client.ConfigError{Problem: "There is no key.", Hint: "Create one."})
	fmt.Println(problem)
	fmt.Println(hint)
	// Output:
	// There is no key.
	// Create one.
}

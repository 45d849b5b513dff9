package policy_test

import (
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/policy"
)

func Example() {
	const text = `
		permit (
			principal in Role::"ci",
			action in Action::"Operate",
			resource is SyncConfiguration
		) when { resource.branch == "staging" };`
	if err := policy.Validate(text); err != nil {
		fmt.Println(err)
		return
	}

	set, err := policy.Compile(map[string]string{"staging": text})
	if err != nil {
		fmt.Println(err)
		return
	}

	principal := policy.Principal{Account: "111122223333", Name: "run-42", AssumedRole: "ci"}
	link := lockstep.RepositoryLink{OwnerID: "acme", RepositoryName: "web"}
	for _, branch := range []string{"staging", "main"} {
		cfg := lockstep.SyncConfiguration{SyncType: "CFN_STACK_SYNC", ResourceName: "web", Branch: branch}
		decision := set.Decide(principal, policy.Request{
			Action:   "lockstep:StartResourceSync",
			Resource: policy.ConfigurationResource(cfg, link, nil),
		})
		if decision.Allowed {
			fmt.Println(branch, "is allowed")
		} else {
			fmt.Println(branch, "is denied", decision.Reason)
		}
	}

	// Output:
	// staging is allowed
	// main is denied because no policy allows the action
}

func ExampleValidate() {
	fmt.Println(policy.Validate(`permit (principal, action == Action::"codeconnections:getHost", resource);`))

	// Output:
	// line 1, column 38: There is no action "codeconnections:getHost": write codeconnections:GetHost.
}

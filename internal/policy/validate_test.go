package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/policy"
)

// scope is the longest scope: the condition begins in column 37.
const scope = `permit(principal, action, resource) `

type mistake struct {
	text         string
	line, column int
	message      string // a part of the message
}

func refuses(t *testing.T, tests []mistake) {
	t.Helper()
	for _, test := range tests {
		var wrong *policy.SyntaxError
		if err := policy.Validate(test.text); !errors.As(err, &wrong) {
			t.Errorf("%s\nis answered with %v", test.text, err)
			continue
		}
		if wrong.Line != test.line || wrong.Column != test.column || !strings.Contains(wrong.Message, test.message) {
			t.Errorf("%s\ngot  %v\nwant line %d, column %d: …%s…", test.text, wrong, test.line, test.column,
				test.message)
		}
	}
}

func TestValidateReportsThePositionOfASyntaxError(t *testing.T) {
	refuses(t, []mistake{
		{"", 1, 1, "contains no policy"},
		{"// later\n", 2, 1, "contains no policy"},
		{`permit(principal, action, resource)`, 1, 36, `Expected ";", found the end of the text.`},
		{scope + ";;", 1, 38, `A policy begins with permit or forbid, not with ";".`},
		{scope + "when {", 1, 43, "The text ends within a policy."},
		{scope + "when { )", 1, 44, `Unexpected ")".`},
		{scope + "when { ) };", 1, 44, `Unexpected ")".`},
		{`permit(principal, action resource);`, 1, 26, `Expected ",", found "resource".`},
		{`permit(action, principal, resource);`, 1, 8, `Expected "principal", found "action".`},
		{`permit(principal == "ada", action, resource);`, 1, 21, `as in User::"ada"`},
		{`permit(principal == User::ada, action, resource);`, 1, 30, `Expected "::", found ","`},
		{"permit(principal, action in [Action::\"a\"\n Action::\"b\"], resource);", 2, 2, `Expected "," or the end of the list, found "Action".`},
		{`permit(principal, action in [Action::"a"`, 1, 41, "found the end of the text"},
		{`{"Version": "2012-10-17"}`, 1, 1, `A policy begins with permit or forbid, not with "{".`},
		{"allow(principal, action, resource);", 1, 1, `not with "allow"`},
		{`permit(principal == ?principal, action, resource);`, 1, 21, "Policy templates are not supported"},
		{scope + "when { foo(1) };", 1, 44, `"foo" is not a function.`},
		{scope + "when { resource.foo(1) };", 1, 53, `"foo" is not a method.`},
		{scope + "when { context.tagKeys.contains(1, 2) };", 1, 60, "contains expects one argument"},
		{scope + "when { {a: 1, a: 2} == 1 };", 1, 54, "Duplicate key"},
		{scope + "when { region == 1 };", 1, 44, `Unknown name "region"`},
		{scope + `when { resource."a" };`, 1, 53, `Unexpected "a".`},
		{scope + "when { 1 == 99999999999999999999 };", 1, 49, "too large"},
		{scope + "when { 1 == 9223372036854775808 };", 1, 49, "too large"},
		{scope + "when { 1 == 2 - 9223372036854775808 };", 1, 53, "too large"},
		{scope + "when { if -9223372036854775808 == 1 then };", 1, 78, "Unexpected"},
		{scope + `when { "\*" == "\q" };`, 1, 44, "unknown escape sequence"},
		{scope + `when { "ä" == "\q" };`, 1, 51, "unknown escape sequence"},
		{scope + "\nwhen { \"abc };", 2, 8, "closing quote is missing"},
		{scope + "/* when", 1, 37, "*/ is missing"},
		{scope + "when { \"\xff\" == \"\" };", 1, 45, "UTF-8"},
		{scope + "when { \"\x00\" == \"\" };", 1, 45, "UTF-8"},
		{"@id @id " + scope + ";", 1, 6, "Duplicate annotation"},
	})
}

func TestValidateReportsUnknownNames(t *testing.T) {
	action := func(id string) string { return `permit(principal, action == Action::"` + id + `", resource);` }
	refuses(t, []mistake{
		{action("codestar-connections:GetHost"), 1, 37,
			`There is no action "codestar-connections:GetHost": write codeconnections:GetHost, which covers both services.`},
		{action("GetHost"), 1, 37, "write codeconnections:GetHost."},
		{action("codeconnections:gethost"), 1, 37, "write codeconnections:GetHost."},
		{action("codeconnections:*"), 1, 37, `Actions cannot contain wildcards: name a group, as in action in Action::"Read"`},
		{action("read"), 1, 37, "write Read."},
		{action("Read"), 1, 37, `write action in Action::"Read".`},
		{action("sts:AssumeRole"), 1, 37, `There is no action "sts:AssumeRole".`},
		{`permit(principal, action == Action::"codeconnections:GetHost", resource is Connection);`, 1, 64,
			"codeconnections:GetHost applies to a User or Session principal and to resources of type Host."},
		{`permit(principal is Host, action, resource);`, 1, 35, "No action of this statement applies to such a principal"},
		{`permit(principal, action, resource is host);`, 1, 39, `There is no type "host": write Host.`},
		{`permit(principal, action, resource == AWS::Host::"x");`, 1, 39, `There is no type "AWS::Host": the types are User, `},
		{`permit(principal, action, resource == Host::"git");`, 1, 45, "is not a valid id of a Host: use its ARN"},
		{`permit(principal, action, resource == Host::"` + connectionARN + `");`, 1, 45, "is not a valid id of a Host"},
		{`permit(principal, action, resource == Host::"arn:*");`, 1, 45, `resource.arn like "arn:*"`},
		{`permit(principal, action, resource == Account::"1111");`, 1, 48, "twelve digits"},
		{`permit(principal, action, resource == SyncConfiguration::"web");`, 1, 58, "CFN_STACK_SYNC/web"},
		{`permit(principal, action, resource == IamRole::"deploy");`, 1, 48, "arn:aws:iam::"},
		{`permit(principal == Session::"ci", action, resource);`, 1, 30, "ROLE/NAME"},
		{`forbid(principal in Role::"OPERATOR", action, resource);`, 1, 27, `There is no role "OPERATOR": write Role::"operator".`},
		{scope + `when { principal in [Role::"ci", Role::"None"] };`, 1, 76, `No principal is in Role::"None"`},
		{`permit(principal == User::"", action, resource);`, 1, 27, "is not a valid id of a User"},
		{`permit(principal, action, resource in Host::"` + hostARN + `");`, 1, 39, "A Host has no children: write ==, or compare resource.hostArn"},
		{scope + `when { principal in [Role::"ci", User::"ada"] };`, 1, 70, "A User has no children: write ==."},
		{scope + `when { User::"ada".name == "ada" };`, 1, 44, `User::"ada" has no attributes or tags here`},
		{scope + `when { resource.branch == "main" };`, 1, 53, `An Account has no "branch"; SyncConfiguration has.`},
		{scope + `when { resource is SyncConfiguration && resource.brunch == "main" };`, 1, 86, `There is no attribute "brunch".`},
		{scope + "when { true }\nunless { false || (context.urgency == 1) };", 2, 28, `The context has no "urgency"`},
		{scope + `when { action == Action::"codeconnections:GetHost" && context.urgency == 1 };`, 1, 99, `The context has no "urgency"`},
		{scope + `when { principal.role == "ci" };`, 1, 54, `A User has no "role"; Session has.`},
		{scope + `when { resource.getTag("a") == "b" };`, 1, 44, `Test hasTag("a") first`},
		{scope + "when { true &&\n context.region == 3 };", 2, 2, "types Long and String are not compatible"},
		{scope + "when { context.region };", 1, 52, "expected Bool but saw String"},
		{scope + "when { context.tagKeys == [] };", 1, 63, "Empty set"},
		{scope + `when { 1 + "a" == 3 };`, 1, 44, "expected Long but saw String"},
	})
}

func TestValidateFindsTheLaterPolicy(t *testing.T) {
	refuses(t, []mistake{
		{scope + ";\n\n  " + scope + "when { context.urgency == 1 };", 3, 54, "urgency"},
		{scope + ";\n\n  " + scope + `when { resource == Host::"x" };`, 3, 64, "Host"},
	})
}

func TestValidateAcceptsValidPolicies(t *testing.T) {
	for _, text := range []string{
		scope + ";",
		"// everybody\n@id(\"all\") " + scope + "; /* and */ forbid(principal, action, resource) unless { true };",
		`permit(principal in Role::"not-made-yet", action in [Action::"Read", Action::"lockstep:StartResourceSync"], resource);`,
		`permit(principal, action, resource in Connection::"` + strings.Replace(connectionARN, "codeconnections",
			"codestar-connections", 1) + `");`,
		`permit(principal, action, resource == SyncConfiguration::"CFN_STACK_SYNC/web");`,
		`permit(principal == Session::"ci/repo:acme/infra:ref:refs/heads/main", action, resource);`,
		scope + `when { resource has owner && resource.owner == "acme" };`,
		scope + `when { principal == User::"a\u{64}a" || principal == User::"a\"b" };`,
		scope + `when { resource is Connection && resource["name"] like "a\**" };`,
		scope + "when { -9223372036854775808 < 0 };",
		`permit(principal, action in Action::"Read", resource) when { context.region == "eu-central-1" };`,
	} {
		if err := policy.Validate(text); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}

// Long and deep policies are refused or validated quickly: a caller who may write
// policies must not be able to exhaust the server.
func TestValidateIsBounded(t *testing.T) {
	chain := func(first, next string, n int) string {
		return scope + "when { " + first + strings.Repeat(next, n) + " };"
	}
	const deep, long = "nested too deeply", "too long"
	tests := []struct{ name, text, message string }{
		{"bytes", scope + "//" + strings.Repeat("x", 17<<10), "at most 16384 bytes"},
		{"policies", strings.Repeat(scope+"; ", 65), "at most 64 statements"},
		{"tokens", strings.Repeat(chain("true", " || true", 300)+"\n", 5), "some of its statements"},
		{"length", chain("true", " || true", 500), long},
		{"questions", chain(`resource.hasTag("a")`, ` && resource.hasTag("b")`, 40), long},
		{"brackets", scope + "when { " + strings.Repeat("(", 40) + "true" + strings.Repeat(")", 40) + " };", deep},
		{"signs", scope + "when { " + strings.Repeat("!", 20) + "true };", deep},
		{"attributes", chain("resource has a", ".a", 20), deep},
		{"conditions", scope + "when { " + strings.Repeat("if true then true else ", 40) + "true };", deep},
		// These are within the limits, and invalid in every part.
		{"sums", chain("0 == 1", ` + "a"`, 380), "expected Long but saw String"},
		{"alternatives", chain("false", ` || resource.a == ""`, 120), `no attribute "a"`},
	}
	for _, test := range tests {
		began := time.Now()
		if err := policy.Validate(test.text); err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: answered with %v", test.name, err)
		}

		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %v", test.name, took)
		}
	}

	if err := policy.Validate(strings.Repeat(scope+"; ", 64)); err != nil {
		t.Errorf("64 statements: %v", err)
	}
}

func TestCompileNamesThePolicy(t *testing.T) {
	_, err := policy.Compile(map[string]string{"a": scope + ";", "b": scope + "\nwhen { };"})
	var wrong *policy.SyntaxError
	if !errors.As(err, &wrong) {
		t.Fatalf("answered %v", err)
	}
	if diff := cmp.Diff(&policy.SyntaxError{
		Policy:  "b",
		Line:    2,
		Column:  8,
		Message: `Unexpected "}".`,
	},
		wrong); diff != "" {
		t.Error(diff)
	}
	if want := `policy "b", line 2, column 8: Unexpected "}".`; wrong.Error() != want {
		t.Errorf("%q, want %q", wrong.Error(), want)
	}
}

func FuzzValidate(f *testing.F) {
	for _, text := range []string{
		scope + ";", scope + "when { resource.hasTag(\"a\") && resource.getTag(\"a\") == \"b\" };",
		`forbid(principal is Session in Role::"ci", action in [Action::"Read"], resource is Connection in Account::"111122223333");`,
		scope + "unless { context.tagKeys.containsAny([\"a\"]) };", scope + "when { if ip(\"::1\").isLoopback() then 1 < 2 else -1 < 2 };",
		"@a(\"\\u{1F600}\") // é\n" + scope + "when { {a: 1}.a == 1 && decimal(\"1.0\").lessThan(decimal(\"2.0\")) };",
		scope + "when { \"\\q", "permit(principal == ?principal", scope + "when { principal like \"*\\*\" };", "/*", "\x00",
	} {
		f.Add(text)
	}

	f.Fuzz(func(t *testing.T, text string) {
		err := policy.Validate(text)
		if err == nil {
			set, err := policy.Compile(map[string]string{"fuzzed": text})
			if err != nil {
				t.Fatalf("Check takes what Compile does not: %v", err)
			}

			for kind, thing := range things() {
				for _, action := range []string{"codeconnections:GetConnection", "lockstep:PutPolicy", "codeconnections:UntagResource"} {
					agree(t, set, map[string]string{"fuzzed": text}, session("ci", "1", "reader"),
						policy.Request{Action: action, Resource: thing}, kind)
				}
			}

			return
		}

		var wrong *policy.SyntaxError
		if !errors.As(err, &wrong) {
			t.Fatal(err)
		}

		lines := strings.Split(text, "\n")
		if wrong.Line < 1 || wrong.Line > len(lines) || wrong.Column < 1 || wrong.Column > len([]rune(lines[wrong.Line-1]))+1 || wrong.Message == "" {
			t.Fatalf("%v is no place in the text", wrong)
		}
	})
}

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
		if wrong.Line != test.line || wrong.Column != test.column {
			t.Errorf("%s\ngot %v\nwant it at line %d, column %d", test.text, wrong, test.line, test.column)
		}
		if !strings.Contains(wrong.Message, test.message) {
			t.Errorf("%s\ngot  %v\nwant …%s…", test.text, wrong, test.message)
		}
	}
}

func TestValidateReportsThePositionOfASyntaxError(t *testing.T) {
	refuses(t, []mistake{
		{text: "", line: 1, column: 1, message: "contains no policy"},
		{text: "// later\n", line: 2, column: 1, message: "contains no policy"},
		{
			text:    `permit(principal, action, resource)`,
			line:    1,
			column:  36,
			message: `Expected ";", found the end of the text.`,
		},
		{text: scope + ";;", line: 1, column: 38, message: `A policy begins with permit or forbid, not with ";".`},
		{text: scope + "when {", line: 1, column: 43, message: "The text ends within a policy."},
		{text: scope + "when { )", line: 1, column: 44, message: `Unexpected ")".`},
		{text: scope + "when { ) };", line: 1, column: 44, message: `Unexpected ")".`},
		{text: `permit(principal, action resource);`, line: 1, column: 26, message: `Expected ",", found "resource".`},
		{
			text:    `permit(action, principal, resource);`,
			line:    1,
			column:  8,
			message: `Expected "principal", found "action".`,
		},
		{text: `permit(principal == "ada", action, resource);`, line: 1, column: 21, message: `as in User::"ada"`},
		{
			text:    `permit(principal == User::ada, action, resource);`,
			line:    1,
			column:  30,
			message: `Expected "::", found ","`,
		},
		{
			text:    "permit(principal, action in [Action::\"a\"\n Action::\"b\"], resource);",
			line:    2,
			column:  2,
			message: `Expected "," or the end of the list, found "Action".`,
		},
		{text: `permit(principal, action in [Action::"a"`, line: 1, column: 41, message: "found the end of the text"},
		{
			text:    `{"Version": "2012-10-17"}`,
			line:    1,
			column:  1,
			message: `A policy begins with permit or forbid, not with "{".`,
		},
		{text: "allow(principal, action, resource);", line: 1, column: 1, message: `not with "allow"`},
		{
			text:    `permit(principal == ?principal, action, resource);`,
			line:    1,
			column:  21,
			message: "Policy templates are not supported",
		},
		{text: scope + "when { foo(1) };", line: 1, column: 44, message: `"foo" is not a function.`},
		{text: scope + "when { resource.foo(1) };", line: 1, column: 53, message: `"foo" is not a method.`},
		{
			text:    scope + "when { context.tagKeys.contains(1, 2) };",
			line:    1,
			column:  60,
			message: "contains expects one argument",
		},
		{text: scope + "when { {a: 1, a: 2} == 1 };", line: 1, column: 54, message: "Duplicate key"},
		{text: scope + "when { region == 1 };", line: 1, column: 44, message: `Unknown name "region"`},
		{text: scope + `when { resource."a" };`, line: 1, column: 53, message: `Unexpected "a".`},
		{text: scope + "when { 1 == 99999999999999999999 };", line: 1, column: 49, message: "too large"},
		{text: scope + "when { 1 == 9223372036854775808 };", line: 1, column: 49, message: "too large"},
		{text: scope + "when { 1 == 2 - 9223372036854775808 };", line: 1, column: 53, message: "too large"},
		{text: scope + "when { if -9223372036854775808 == 1 then };", line: 1, column: 78, message: "Unexpected"},
		{text: scope + `when { "\*" == "\q" };`, line: 1, column: 44, message: "unknown escape sequence"},
		{text: scope + `when { "ä" == "\q" };`, line: 1, column: 51, message: "unknown escape sequence"},
		{text: scope + "\nwhen { \"abc };", line: 2, column: 8, message: "closing quote is missing"},
		{text: scope + "/* when", line: 1, column: 37, message: "*/ is missing"},
		{text: scope + "when { \"\xff\" == \"\" };", line: 1, column: 45, message: "UTF-8"},
		{text: scope + "when { \"\x00\" == \"\" };", line: 1, column: 45, message: "UTF-8"},
		{text: "@id @id " + scope + ";", line: 1, column: 6, message: "Duplicate annotation"},
	})
}

func TestValidateReportsUnknownNames(t *testing.T) {
	action := func(id string) string { return `permit(principal, action == Action::"` + id + `", resource);` }
	refuses(t, []mistake{
		{text: action("codestar-connections:GetHost"), line: 1, column: 37,
			message: `There is no action "codestar-connections:GetHost": write codeconnections:GetHost, which covers both services.`},
		{text: action("GetHost"), line: 1, column: 37, message: "write codeconnections:GetHost."},
		{text: action("codeconnections:gethost"), line: 1, column: 37, message: "write codeconnections:GetHost."},
		{
			text:    action("codeconnections:*"),
			line:    1,
			column:  37,
			message: `Actions cannot contain wildcards: name a group, as in action in Action::"Read"`,
		},
		{text: action("read"), line: 1, column: 37, message: "write Read."},
		{text: action("Read"), line: 1, column: 37, message: `write action in Action::"Read".`},
		{text: action("sts:AssumeRole"), line: 1, column: 37, message: `There is no action "sts:AssumeRole".`},
		{
			text:    `permit(principal, action == Action::"codeconnections:GetHost", resource is Connection);`,
			line:    1,
			column:  64,
			message: "codeconnections:GetHost applies to a User or Session principal and to resources of type Host.",
		},
		{
			text:    `permit(principal is Host, action, resource);`,
			line:    1,
			column:  35,
			message: "No action of this statement applies to such a principal",
		},
		{
			text:    `permit(principal, action, resource is host);`,
			line:    1,
			column:  39,
			message: `There is no type "host": write Host.`,
		},
		{
			text:    `permit(principal, action, resource == AWS::Host::"x");`,
			line:    1,
			column:  39,
			message: `There is no type "AWS::Host": the types are User, `,
		},
		{
			text:    `permit(principal, action, resource == Host::"git");`,
			line:    1,
			column:  45,
			message: "is not a valid id of a Host: use its ARN",
		},
		{
			text:    `permit(principal, action, resource == Host::"` + connectionARN + `");`,
			line:    1,
			column:  45,
			message: "is not a valid id of a Host",
		},
		{
			text:    `permit(principal, action, resource == Host::"arn:*");`,
			line:    1,
			column:  45,
			message: `resource.arn like "arn:*"`,
		},
		{
			text:    `permit(principal, action, resource == Account::"1111");`,
			line:    1,
			column:  48,
			message: "twelve digits",
		},
		{
			text:    `permit(principal, action, resource == SyncConfiguration::"web");`,
			line:    1,
			column:  58,
			message: "CFN_STACK_SYNC/web",
		},
		{
			text:    `permit(principal, action, resource == IamRole::"deploy");`,
			line:    1,
			column:  48,
			message: "arn:aws:iam::",
		},
		{text: `permit(principal == Session::"ci", action, resource);`, line: 1, column: 30, message: "ROLE/NAME"},
		{
			text:    `forbid(principal in Role::"OPERATOR", action, resource);`,
			line:    1,
			column:  27,
			message: `There is no role "OPERATOR": write Role::"operator".`,
		},
		{
			text:    scope + `when { principal in [Role::"ci", Role::"None"] };`,
			line:    1,
			column:  76,
			message: `No principal is in Role::"None"`,
		},
		{
			text:    `permit(principal == User::"", action, resource);`,
			line:    1,
			column:  27,
			message: "is not a valid id of a User",
		},
		{
			text:    `permit(principal, action, resource in Host::"` + hostARN + `");`,
			line:    1,
			column:  39,
			message: "A Host has no children: write ==, or compare resource.hostArn",
		},
		{
			text:    scope + `when { principal in [Role::"ci", User::"ada"] };`,
			line:    1,
			column:  70,
			message: "A User has no children: write ==.",
		},
		{
			text:    scope + `when { User::"ada".name == "ada" };`,
			line:    1,
			column:  44,
			message: `User::"ada" has no attributes or tags here`,
		},
		{
			text:    scope + `when { resource.branch == "main" };`,
			line:    1,
			column:  53,
			message: `An Account has no "branch"; SyncConfiguration has.`,
		},
		{
			text:    scope + `when { resource is SyncConfiguration && resource.brunch == "main" };`,
			line:    1,
			column:  86,
			message: `There is no attribute "brunch".`,
		},
		{
			text:    scope + "when { true }\nunless { false || (context.urgency == 1) };",
			line:    2,
			column:  28,
			message: `The context has no "urgency"`,
		},
		{
			text:    scope + `when { action == Action::"codeconnections:GetHost" && context.urgency == 1 };`,
			line:    1,
			column:  99,
			message: `The context has no "urgency"`,
		},
		{
			text:    scope + `when { principal.role == "ci" };`,
			line:    1,
			column:  54,
			message: `A User has no "role"; Session has.`,
		},
		{text: scope + `when { resource.getTag("a") == "b" };`, line: 1, column: 44, message: `Test hasTag("a") first`},
		{
			text:    scope + "when { true &&\n context.region == 3 };",
			line:    2,
			column:  2,
			message: "types Long and String are not compatible",
		},
		{text: scope + "when { context.region };", line: 1, column: 52, message: "expected Bool but saw String"},
		{text: scope + "when { context.tagKeys == [] };", line: 1, column: 63, message: "Empty set"},
		{text: scope + `when { 1 + "a" == 3 };`, line: 1, column: 44, message: "expected Long but saw String"},
	})
}

func TestValidateFindsTheLaterPolicy(t *testing.T) {
	refuses(t, []mistake{
		{text: scope + ";\n\n  " + scope + "when { context.urgency == 1 };", line: 3, column: 54, message: "urgency"},
		{text: scope + ";\n\n  " + scope + `when { resource == Host::"x" };`, line: 3, column: 64, message: "Host"},
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
	diff := cmp.Diff(&policy.SyntaxError{
		Policy:  "b",
		Line:    2,
		Column:  8,
		Message: `Unexpected "}".`,
	},
		wrong)
	if diff != "" {
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
		scope + "unless { context.tagKeys.containsAny([\"a\"]) };",
		scope + "when { if ip(\"::1\").isLoopback() then 1 < 2 else -1 < 2 };",
		"@a(\"\\u{1F600}\") // é\n" + scope + "when { {a: 1}.a == 1 && decimal(\"1.0\").lessThan(decimal(\"2.0\")) };",
		scope + "when { \"\\q", "permit(principal == ?principal", scope + "when { principal like \"*\\*\" };", "/*",
		"\x00",
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
				for _, action := range []string{
					"codeconnections:GetConnection", "lockstep:PutPolicy", "codeconnections:UntagResource",
				} {
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
		if wrong.Line < 1 || wrong.Line > len(lines) || wrong.Column < 1 ||
			wrong.Column > len([]rune(lines[wrong.Line-1]))+1 || wrong.Message == "" {
			t.Fatalf("%v is no place in the text", wrong)
		}
	})
}

package template_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
)

// bombs are small templates that are expensive to evaluate.
func bombs() map[string]string {
	const head = "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      X: "
	laughs := "a0: &a0 [x, x]\n"
	for i := 1; i < 30; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}

	growing := "Resources:\n  A0: {Type: Custom::X}\n"
	for i := 1; i < 60; i++ {
		growing += fmt.Sprintf("  A%d: {Type: Custom::X, Properties: {P: !Join ['', [!Ref A%d, !Ref A%d]]}}\n",
			i, i-1, i-1)
	}

	joins := "!Sub '" + strings.Repeat("${P}", 10000) + "'"
	return map[string]string{
		"aliases":            laughs + "Resources: *a29",
		"self alias":         "Resources: &a\n  T: *a",
		"deep list":          head + strings.Repeat("[", 20000),
		"deep closed list":   head + strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
		"deep JSON":          `{"Resources":` + strings.Repeat(`{"a":`, 9000),
		"deep JSON list":     `{"Resources":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
		"deep indentation":   deep(),
		"deep functions":     head + strings.Repeat("{'Fn::Base64': ", 3000) + "x" + strings.Repeat("}", 3000),
		"long":               head + strings.Repeat("x", syntax.MaxBody),
		"growing references": growing,
		"many resources":     "Resources: {" + many("A", 501, "{Type: AWS::SNS::Topic}") + "}",
		"many parameters": "Parameters: {" + many("P", 201, "{Type: String}") + "}\n" +
			"Resources: {T: {Type: AWS::SNS::Topic}}",
		"many outputs": "Outputs: {" + many("O", 201, "{Value: x}") + "}\n" +
			"Resources: {T: {Type: AWS::SNS::Topic}}",
		"multiplied text": "Parameters: {P: {Type: String, Default: " + strings.Repeat("y", 4000) + "}}\n" +
			head + joins,
		"nul":      "Resources: \x00",
		"no UTF-8": "Resources: \xff\xfe",
		"tags":     head + strings.Repeat("!Sub ", 5000) + "x",
	}
}

func deep() string {
	var b strings.Builder
	for i := range 310 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func many(prefix string, n int, value string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d: %s, ", prefix, i, value)
	}
	return b.String()
}

func TestBombsAreRefusedQuickly(t *testing.T) {
	for name, body := range bombs() {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			_, err := evaluate(body, nil, nil)
			if err == nil && name != "growing references" { // bounded by the ids that a Ref yields
				t.Error("accepted")
			}

			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %s", took)
			}

			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestLimitsSayTheNumbers(t *testing.T) {
	for body, want := range map[string]string{
		bombs()["many resources"]: "Template format error: Number of resources, 501, is greater than maximum " +
			"allowed, 500",
		bombs()["many parameters"]: "Template format error: Number of parameters, 201, is greater than maximum " +
			"allowed, 200",
		bombs()["many outputs"]: "Template format error: Number of outputs, 201, is greater than maximum " +
			"allowed, 200",
	} {
		if _, err := template.Parse(body); message(err) != want {
			t.Errorf("got %q, want %q", message(err), want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, body := range bombs() {
		f.Add(body)
	}

	f.Add(patternTemplate(1, "(.{1,999}){1,1}.{1,999}", "a"))
	f.Add(patternTemplate(3, "(a?){0,900}b?", "aaaa"))
	f.Add(sumOfLists(500, 5))
	for _, value := range []string{
		`!Sub "${Name}"`,
		`!Cidr ["10.0.0.0/8", 256, 1]`,
		`!Select [0, !Split [",", "a,b"]]`,
		`!FindInMap [Sizes, a, b]`,
	} {
		f.Add(tried(value))
	}

	f.Add(parameters)
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}

	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(string(b))
	}

	f.Fuzz(func(t *testing.T, body string) {
		parsed, err := template.Parse(body)
		if err != nil {
			return
		}

		var given []template.ParameterInput
		for _, p := range parsed.Parameters() {
			if !p.HasDefault {
				given = append(given, give(p.Name, "1"))
			}
		}

		params, err := parsed.BindParameters(given, nil)
		if err != nil {
			return
		}

		if _, err := parsed.Evaluate(world(params, nil)); err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
	})
}

// patternTemplate returns a template with parameters whose AllowedPattern and Default are
// given, and a topic.
func patternTemplate(count int, pattern, value string) string {
	var b strings.Builder
	b.WriteString("Parameters:\n")
	for i := range count {
		fmt.Fprintf(&b, "  P%d: {Type: String, AllowedPattern: '%s', Default: '%s'}\n", i, pattern, value)
	}
	b.WriteString("Resources:\n  T: {Type: AWS::SNS::Topic}\n")
	return b.String()
}

// sumOfLists returns a template whose property evaluates a list of n elements calls times, to
// select one of them.
func sumOfLists(n, calls int) string {
	list := strings.TrimSuffix(strings.Repeat("x,", n), ",")
	inner := "!Sub ['" + strings.Repeat("${V}", calls) + "', {V: !Select [0, [" + list + "]]}]"
	return "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Sub ['" +
		strings.Repeat("${W}", calls) + "', {W: " + inner + "}]\n"
}

func TestAttack11TemplateThatIsExpensiveToEvaluateIsRefused(t *testing.T) {
	long := strings.Repeat("a", 4000)
	for name, body := range map[string]string{
		"a repeat of repeats":         patternTemplate(1, "((a{1,30}){1,30}){1,1}"+strings.Repeat("(.{1,999})", 20), "a"),
		"many repeats":                patternTemplate(1, strings.Repeat(".{0,1000}", 300), "a"),
		"repeats of many parameters":  patternTemplate(150, strings.Repeat("(a{0,900})", 2), "a"),
		"repeats of letters":          patternTemplate(1, `(\pL\pN\pS){1,300}`+strings.Repeat(`(\pL){1,300}`, 90), "a"),
		"long values":                 patternTemplate(10, "(a?){0,900}b?", long),
		"a pattern of many bytes":     patternTemplate(1, strings.Repeat("a", 5000), "a"),
		"a list evaluated many times": sumOfLists(10_000, 50),
		"a list in nested functions":  sumOfLists(5_000, 400),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			_, err := evaluate(body, nil, nil)
			took := time.Since(begun)
			runtime.ReadMemStats(&after)

			if err == nil {
				t.Error("accepted")
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 20<<20 {
				t.Errorf("allocated %d bytes", allocated)
			}
			if took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestPatternsOfOrdinaryTemplatesAreAccepted(t *testing.T) {
	for _, pattern := range []string{
		`[a-zA-Z0-9-]{1,255}`,
		`(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})/(\d{1,2})`,
		`[\p{L}\p{N} ]{0,64}|a`,
		`^$|a.*`,
	} {
		if _, err := evaluate(patternTemplate(10, pattern, "a"), nil, nil); err != nil &&
			!strings.Contains(err.Error(), "must match pattern") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

package template_test

import (
	"fmt"
	"os"
	"path/filepath"
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

package awsjson_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

// What Java's Matcher.matches says, per its documentation.
func TestPatternsMeanWhatTheyMeanInJava(t *testing.T) {
	type input struct {
		S string `shape:"S"`
	}
	for _, tc := range []struct {
		pattern string
		yes, no []string
	}{
		{`.*`, []string{"", "a", "a\x0bb", "漢"}, []string{"\n", "a\r", "a\u0085", "\u2028", "a\u2029b"}},
		{`^.*$`, []string{"", "a"}, []string{"a\n", "\n"}},
		{`[\s\S]*`, []string{"", "a\n\r\u2028\x0bb"}, nil},
		{`\s\S`, []string{"\x0ba", " b"}, []string{"ab", " \x0b"}},
		{`[.]`, []string{"."}, []string{"a"}},
		{`\w+`, []string{"aZ_9"}, []string{"é", "a-"}},
		{`\d{2}`, []string{"12"}, []string{"1", "123", "١٢"}},
		{`a|b`, []string{"a", "b"}, []string{"ab", "xb"}},
		{`[a\-z_\\-]`, []string{"-", `\`, "_"}, []string{"b"}},
		{`host\/.+`, []string{"host/a"}, []string{"host/", "host/\n", `host\/a`}},
		{`^[0-9]{2}\b-[0-9]$`, []string{"12-3"}, []string{"123", "12--3"}},
	} {
		mux := awsjson.NewMux(awsjson.Options{Services: []awsjson.Service{{
			Name:   "shelf",
			Prefix: "com.amazonaws.shelf.Shelf_20200101",
			Shapes: map[string]awsjson.Shape{"S": {Pattern: tc.pattern}},
		}}})
		awsjson.Handle(mux, "shelf", "PutBook", func(context.Context, *input) (*struct{}, error) { return nil, nil })
		status := func(text string) int {
			body, err := json.Marshal(map[string]string{"S": text})
			if err != nil {
				t.Fatal(err)
			}

			code, _, _ := serve(t, mux, request(string(body)))
			return code
		}
		for _, text := range tc.yes {
			if status(text) != 200 {
				t.Errorf("%s does not match %q", tc.pattern, text)
			}
		}

		for _, text := range tc.no {
			if status(text) != 400 {
				t.Errorf("%s matches %q", tc.pattern, text)
			}
		}
	}
}

package awsjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/awsjson"
)

// exception reads an error's body.
func exception(t *testing.T, body string) (name, message string) {
	t.Helper()
	var e struct {
		Type    string `json:"__type"`
		Message string // or message
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return e.Type, e.Message
}

func TestViolatedConstraintsAreDescribedAsByAWS(t *testing.T) {
	mux := newMux(awsjson.Options{})
	const must = "' failed to satisfy constraint: Member must "
	for _, tc := range []struct{ name, body, want string }{
		{"required", `{}`, "1 validation error detected: Value null at 'title" + must + "not be null"},
		{"required and null", `{"Title":null}`,
			"1 validation error detected: Value null at 'title" + must + "not be null"},
		{"too short", `{"Title":""}`, "1 validation error detected: Value '' at 'title" + must +
			"have length greater than or equal to 1"},
		{"too long", `{"Title":"ééééé67890-"}`,
			"1 validation error detected: Value 'ééééé67890-' at 'title" + must +
				"have length less than or equal to 10"},
		{"pattern", `{"Title":"a\nb"}`, "1 validation error detected: Value 'a\nb' at 'title" + must +
			"satisfy regular expression pattern: .*"},
		{"pattern in the middle", `{"Title":"a","Isbn":"x1-23"}`,
			"1 validation error detected: Value 'x1-23' at 'isbn" + must +
				"satisfy regular expression pattern: [0-9-]+"},
		{"length and pattern", `{"Title":"a","Isbn":"abc"}`,
			"2 validation errors detected: Value 'abc' at 'isbn" + must + "have length greater than or equal to 4; " +
				"Value 'abc' at 'isbn" + must + "satisfy regular expression pattern: [0-9-]+"},
		{"enumeration", `{"Title":"a","State":"new"}`,
			"1 validation error detected: Value 'new' at 'state" + must + "satisfy enum value set: [NEW, USED]"},
		{"too much", `{"Title":"a","Pages":101}`,
			"1 validation error detected: Value '101' at 'pages" + must + "have value less than or equal to 100"},
		{"too little", `{"Title":"a","Pages":-1}`,
			"1 validation error detected: Value '-1' at 'pages" + must + "have value greater than or equal to 0"},
		{"beyond 32 bits", `{"Title":"a","Pages":1e400}`,
			"1 validation error detected: Value '2147483647' at 'pages" + must +
				"have value less than or equal to 100"},
		{"list of strings too long", `{"Title":"a","Words":["a","b","c","d"]}`,
			"1 validation error detected: Value '[a, b, c, d]' at 'words" + must +
				"have length less than or equal to 3"},
		{"element of a list", `{"Title":"a","Words":["a","B",""]}`,
			"1 validation error detected: Value '[a, B, ]' at 'words" + must +
				"satisfy constraint: [Member must have length less than or equal to 5, Member must have length " +
				"greater than or equal to 1, " +
				"Member must satisfy regular expression pattern: [a-z]*]"},
		{"null in a list", `{"Title":"a","Words":["a",null]}`,
			"1 validation error detected: Value null at 'words.2.member" + must + "not be null"},
		{"null in a list too long", `{"Title":"a","Words":["a","b","c",null]}`,
			"2 validation errors detected: Value '[a, b, c]' at 'words" + must +
				"have length less than or equal to 3; " +
				"Value null at 'words.4.member" + must + "not be null"},
		{"list of structures too short", `{"Title":"a","Authors":[]}`,
			"1 validation error detected: Value '[]' at 'authors" + must + "have length greater than or equal to 1"},
		{"list of structures too long", `{"Title":"a","Authors":[{"Name":"a"},{"Name":"b"},{"Name":"c"}]}`,
			"1 validation error detected: Value '[author(name=a, born=0), author(name=b, born=0), ...]' at 'authors" +
				must + "have length less than or equal to 2"},
		{"inside a list", `{"Title":"a","Authors":[{"Name":"a"},{"Born":3000},null]}`,
			"4 validation errors detected: Value '[author(name=a, born=0), author(name=, born=3000), ...]' at " +
				"'authors" + must + "have length less than or equal to 2; " +
				"Value null at 'authors.2.member.name" + must + "not be null; " +
				"Value '3000' at 'authors.2.member.born" + must + "have value less than or equal to 2100; " +
				"Value null at 'authors.3.member" + must + "not be null"},
		{"inside a structure", `{"Title":"a","Editor":{"Name":"123456789"}}`,
			"1 validation error detected: Value '123456789' at 'editor.name" + must +
				"have length less than or equal to 8"},
		{"secret", `{"Title":"a","Secret":"abcde"}`,
			"1 validation error detected: Value at 'secret" + must + "have length less than or equal to 4"},
		{"in the order of declaration", `{"Editor":{},"Pages":-1,"Isbn":"12"}`,
			"4 validation errors detected: Value null at 'title" + must + "not be null; " +
				"Value '12' at 'isbn" + must + "have length greater than or equal to 4; " +
				"Value '-1' at 'pages" + must + "have value greater than or equal to 0; Value null at 'editor.name" +
				must + "not be null"},
	} {
		status, _, body := serve(t, mux, request(tc.body))
		name, message := exception(t, body)
		if status != 400 || name != "com.amazon.coral.validate#ValidationException" || message != tc.want {
			t.Errorf("%s: %d %s\n got %s\nwant %s", tc.name, status, name, message, tc.want)
		}
	}
}

func TestValuesAtTheirLimitsAreAccepted(t *testing.T) {
	mux := newMux(awsjson.Options{})
	for _, body := range []string{
		`{"Title":"éééééééééé"}`,
		`{"Title":"a","Pages":0}`,
		`{"Title":"a","Pages":100}`,
		`{"Title":"a","Pages":100.9}`,
		`{"Title":"a","Words":[]}`,
		`{"Title":"a","Words":["abcde","a","b"]}`,
		`{"Title":"a","Authors":[{"Name":"a","Born":-50},{"Name":"12345678","Born":2100}]}`,
		`{"Title":"a","Secret":"abcd"}`,
	} {
		if status, _, answer := serve(t, mux, request(body)); status != 200 {
			t.Errorf("%s: %s", body, answer)
		}
	}
}

func TestAllProblemsAreCountedAndTheMessageIsCut(t *testing.T) {
	m := newMux(awsjson.Options{})
	body := `{"Title":"` + strings.Repeat("é", 3000) + `","Authors":[` + strings.Repeat("{},", 9999) + `{}]}`
	_, _, answer := serve(t, m, request(body))
	_, message := exception(t, answer)
	if want := "10002 validation errors detected: Value 'ééé"; !strings.HasPrefix(message, want) {
		t.Errorf("message begins %.80s", message)
	}
	if n := len([]rune(message)); n != 600 {
		t.Errorf("message has %d characters", n)
	}
}

func TestWrongTypesAreSerializationExceptions(t *testing.T) {
	mux := newMux(awsjson.Options{MaxDepth: 8})
	for body, want := range map[string]string{
		``:                                   "",
		`{`:                                  "",
		`{"Title":"a"}}`:                     "",
		`{"Title":"a"} {}`:                   "",
		`{'Title':"a"}`:                      "",
		"{\"Title\":\"\xff\"}":               "",
		"{\"Title\":\"a\nb\"}":               "",
		`null`:                               "Unexpected field type",
		`"a"`:                                "Unexpected field type",
		`7`:                                  "Unexpected field type",
		`[]`:                                 "Start of list found where not expected",
		`{"Title":7}`:                        "NUMBER_VALUE cannot be converted to String",
		`{"Title":7.5}`:                      "DECIMAL_VALUE cannot be converted to String",
		`{"Title":true}`:                     "TRUE_VALUE cannot be converted to String",
		`{"Title":false}`:                    "FALSE_VALUE cannot be converted to String",
		`{"Title":{}}`:                       "Start of structure or map found where not expected",
		`{"Title":[]}`:                       "Unrecognized collection type class java.lang.String",
		`{"Title":"a\u0000"}`:                "U+0000 is not allowed in a string",
		`{"Title":"a","Pages":"7"}`:          "STRING_VALUE cannot be converted to Integer",
		`{"Title":"a","Pages":[7]}`:          "Unrecognized collection type class java.lang.Integer",
		`{"Title":"a","Lent":1}`:             "NUMBER_VALUE cannot be converted to Boolean",
		`{"Title":"a","Words":"a"}`:          "Unexpected field type",
		`{"Title":"a","Words":{}}`:           "Start of structure or map found where not expected",
		`{"Title":"a","Words":[1]}`:          "NUMBER_VALUE cannot be converted to String",
		`{"Title":"a","Authors":[["a"]]}`:    "Unrecognized collection type class com.amazonaws.shelf.author",
		`{"Title":"a","Authors":["a"]}`:      "Unexpected field type",
		`{"Title":"a","Editor":[]}`:          "Unrecognized collection type class com.amazonaws.shelf.author",
		`{"Authors":[{}],"Editor":7}`:        "Unexpected field type",
		`{"Title":"a","X":[[[[[[[[]]]]]]]]}`: "Input is nested too deeply",
	} {
		status, _, answer := serve(t, mux, request(body))
		name, message := exception(t, answer)
		if status != 400 || name != "com.amazon.coral.service#SerializationException" || message != want {
			t.Errorf("%s: %d %s %q, want %q", body, status, name, message, want)
		}
	}
}

func TestOnlyWhatIsOpenCountsAsNesting(t *testing.T) {
	m := newMux(awsjson.Options{MaxDepth: 2})
	for _, body := range []string{
		`{"Title":"{[{[\"{"}`, `{"Title":"a","X":[],"Y":[],"Z":{},"Z":{}}`, `{"Title":"a","X\\":"\\","Y":["]"]}`,
	} {
		if status, _, answer := serve(t, m, request(body)); status != 200 {
			t.Errorf("%s: %s", body, answer)
		}
	}
}

package awsquery_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/awsquery"
)

func read(t *testing.T, body string) awsquery.Form {
	t.Helper()
	form, err := awsquery.Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func TestFormsAreUnflattened(t *testing.T) {
	form := read(t, "Action=X&L.member.1=a&L.member.2=b&L.member.4=late"+
		"&S.member.1.K=k1&S.member.1.V=&S.member.2.K=k2&Empty=&Yes=true&Odd=perhaps")
	if diff := cmp.Diff([]string{"a", "b"}, form.Texts("L")); diff != "" {
		t.Error(diff)
	}

	var got []string
	for _, member := range form.Members("S") {
		text := "absent"
		if p := member.Pointer("V"); p != nil {
			text = "'" + *p + "'"
		}

		got = append(got, member.Text("K")+"="+text)
	}

	if diff := cmp.Diff([]string{"k1=''", "k2=absent"}, got); diff != "" {
		t.Error(diff)
	}

	for name, want := range map[string]bool{"L": true, "S": true, "Empty": true, "Nothing": false} {
		if form.HasList(name) != want {
			t.Errorf("Listed(%s) is %v", name, !want)
		}
	}

	if yes, err := form.Flag("Yes"); !yes || err != nil {
		t.Errorf("Yes is %v, %v", yes, err)
	}

	if _, err := form.Flag("Odd"); err == nil {
		t.Error("perhaps is taken for a boolean")
	}
}

func TestFormsAreBounded(t *testing.T) {
	for _, body := range []string{"a=%zz", strings.Repeat("a=b&", 5000), "a;b=c"} {
		_, err := awsquery.Read([]byte(body))
		if e, ok := errors.AsType[*awsquery.Error](err); !ok || e.Code != "MalformedQueryString" {
			t.Errorf("%.20s: %v", body, err)
		}
	}
	if n := len(read(t, "L.member.999999999=x&L.member.0=y&L.member.-1=z").Texts("L")); n != 0 {
		t.Errorf("%d members", n)
	}
}

type thing struct {
	Name  string
	List  awsquery.List[string]
	Empty awsquery.List[string]
	At    awsquery.Time
	Never *awsquery.Time `xml:",omitempty"`
}

func TestAnswersAreXML(t *testing.T) {
	service := awsquery.Service{Namespace: "urn:x"}
	rec := httptest.NewRecorder()
	at := awsquery.Time(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))
	if err := service.WriteResult(rec, "Get", thing{
		Name: "<a&b>",
		List: awsquery.NewList("x", "y"),
		At:   at,
	}, "id-1"); err != nil {
		t.Fatal(err)
	}

	want := `<GetResponse xmlns="urn:x"><GetResult><Name>&lt;a&amp;b&gt;</Name><List><member>x</member><member>` +
		`y</member></List><Empty></Empty>` +
		`<At>2026-01-02T03:04:05.678Z</At></GetResult><ResponseMetadata><RequestId>id-1</RequestId>` +
		`</ResponseMetadata></GetResponse>`
	if diff := cmp.Diff(want, rec.Body.String()); diff != "" {
		t.Error(diff)
	}

	rec = httptest.NewRecorder()
	service.WriteError(rec, &awsquery.Error{Code: "ValidationError", Message: "a < b"}, "id-2")
	want = `<ErrorResponse xmlns="urn:x"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>a &lt; ` +
		`b</Message></Error><RequestId>id-2</RequestId></ErrorResponse>`
	if diff := cmp.Diff(want, rec.Body.String()); diff != "" || rec.Code != 400 {
		t.Errorf("%d %s", rec.Code, diff)
	}
}

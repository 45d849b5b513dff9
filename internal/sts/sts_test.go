package sts_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/sts"
)

func TestResponseIsThatOfAWS(t *testing.T) {
	w := newWorld(t, nil)
	answer := w.post(w.form(map[string]string{"DurationSeconds": "900"}))
	for pattern, with := range map[string]string{
		`LSSK[A-Z2-7]{16}`:                          "ID",
		`LSRO[A-Z2-7]{16}`:                          "ROLE",
		`(<SecretAccessKey>)[^<]{40}`:               "${1}SECRET",
		`(<SessionToken>)[^<]{300,1000}`:            "${1}TOKEN",
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z`:      "TIME",
		`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`: "REQUEST",
	} {
		answer.text = regexp.MustCompile(pattern).ReplaceAllString(answer.text, with)
	}

	want := `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
		`<AssumeRoleWithWebIdentityResult>` +
		`<SubjectFromWebIdentityToken>` + subject + `</SubjectFromWebIdentityToken><Audience>` + audience +
		`</Audience>` +
		`<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/deploy/run-1</Arn><AssumedRoleId>` +
		`ROLE:run-1</AssumedRoleId></AssumedRoleUser>` +
		`<Credentials><SessionToken>TOKEN</SessionToken><SecretAccessKey>SECRET</SecretAccessKey><Expiration>` +
		`TIME</Expiration><AccessKeyId>ID</AccessKeyId></Credentials>` +
		`<Provider>` + w.issuer.URL + `</Provider></AssumeRoleWithWebIdentityResult>` +
		`<ResponseMetadata><RequestId>REQUEST</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`
	if diff := cmp.Diff(want, answer.text); diff != "" || answer.status != http.StatusOK || answer.requestID == "" {
		t.Errorf("%d (-want +got):\n%s", answer.status, diff)
	}
}

func TestErrorsAreThoseOfAWS(t *testing.T) {
	w := newWorld(t, nil)
	null := "failed to satisfy constraint: Member must not be null"
	for name, tc := range map[string]struct {
		changes map[string]string
		status  int
		code    string
		message string
	}{
		"no action": {
			changes: map[string]string{"Action": ""},
			status:  400,
			code:    "MissingAction",
			message: "The request must contain the parameter Action.",
		},
		"another action": {
			changes: map[string]string{"Action": "AssumeRole"},
			status:  400,
			code:    "InvalidAction",
			message: "Could not find operation AssumeRole for version 2011-06-15",
		},
		"action as XML": {
			changes: map[string]string{"Action": "<b/>"},
			status:  400,
			code:    "InvalidAction",
			message: "Could not find operation <b/> for version 2011-06-15",
		},
		"another version": {
			changes: map[string]string{"Version": "1"},
			status:  400,
			code:    "InvalidAction",
			message: "Could not find operation AssumeRoleWithWebIdentity for version 1",
		},
		"nothing": {
			changes: map[string]string{"RoleArn": "", "RoleSessionName": "", "WebIdentityToken": ""},
			status:  400,
			code:    "ValidationError",
			message: "3 validation errors detected: Value null at 'roleArn' " + null +
				"; Value null at 'roleSessionName' " + null + "; Value null at 'webIdentityToken' " + null,
		},
		"short ARN": {
			changes: map[string]string{"RoleArn": "deploy"},
			status:  400,
			code:    "ValidationError",
			message: "1 validation error detected: Value 'deploy' at 'roleArn' failed to satisfy constraint: Member " +
				"must have length greater than or equal to 20",
		},
		"no ARN": {
			changes: map[string]string{"RoleArn": "deploy the whole thing now"},
			status:  400,
			code:    "ValidationError",
			message: "deploy the whole thing now is invalid",
		},
		"ARN of a user": {
			changes: map[string]string{"RoleArn": "arn:aws:iam::123456789012:user/deploy"},
			status:  400,
			code:    "ValidationError",
			message: "arn:aws:iam::123456789012:user/deploy is invalid",
		},
		"short session name": {
			changes: map[string]string{"RoleSessionName": "x"},
			status:  400,
			code:    "ValidationError",
			message: "1 validation error detected: Value 'x' at 'roleSessionName' failed to satisfy constraint: " +
				"Member must have length greater than or equal to 2",
		},
		"odd session name": {
			changes: map[string]string{"RoleSessionName": "a/b"},
			status:  400,
			code:    "ValidationError",
			message: `1 validation error detected: Value 'a/b' at 'roleSessionName' failed to satisfy constraint: ` +
				`Member must satisfy regular expression pattern: [\w+=,.@-]*`,
		},
		"short token": {
			changes: map[string]string{"WebIdentityToken": "abc"},
			status:  400,
			code:    "ValidationError",
			message: "1 validation error detected: Value '***' at 'webIdentityToken' failed to satisfy constraint: " +
				"Member must have length greater than or equal to 4",
		},
		"short session": {
			changes: map[string]string{"DurationSeconds": "899"},
			status:  400,
			code:    "ValidationError",
			message: "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: " +
				"Member must have value greater than or equal to 900",
		},
		"long session": {
			changes: map[string]string{"DurationSeconds": "43201"},
			status:  400,
			code:    "ValidationError",
			message: "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: " +
				"Member must have value less than or equal to 43200",
		},
		"session of words": {
			changes: map[string]string{"DurationSeconds": "long"},
			status:  400,
			code:    "ValidationError",
			message: "1 validation error detected: Value 'long' at 'durationSeconds' failed to satisfy constraint: " +
				"Member must be a number",
		},
		"longer than the role's": {
			changes: map[string]string{"DurationSeconds": "1801"},
			status:  400,
			code:    "ValidationError",
			message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
		},
		"policy": {
			changes: map[string]string{"Policy": "{}"},
			status:  400,
			code:    "ValidationError",
			message: "Policy is not supported: a session has the permissions of its role and of the account's " +
				"policies.",
		},
		"policy ARNs": {
			changes: map[string]string{"PolicyArns.member.1.arn": "arn"},
			status:  400,
			code:    "ValidationError",
			message: "PolicyArns is not supported: a session has the permissions of its role and of the account's " +
				"policies.",
		},
		"another role": {
			changes: map[string]string{"RoleArn": role + "s"},
			status:  403,
			code:    "AccessDenied",
			message: "Not authorized to perform sts:AssumeRoleWithWebIdentity",
		},
		"another account": {
			changes: map[string]string{"RoleArn": "arn:aws:iam::210987654321:role/deploy"},
			status:  403,
			code:    "AccessDenied",
			message: "Not authorized to perform sts:AssumeRoleWithWebIdentity",
		},
		"no JWT": {
			changes: map[string]string{"WebIdentityToken": "abcd"},
			status:  400,
			code:    "InvalidIdentityToken",
			message: "The web identity token that was passed could not be validated: it is not a JSON Web Token " +
				"with an asymmetric signature.",
		},
		"unknown issuer": {
			changes: map[string]string{"WebIdentityToken": w.issuer.Token(audience, subject,
				map[string]any{"iss": "https://evil.example"})},
			status:  400,
			code:    "InvalidIdentityToken",
			message: "No OpenIDConnect provider found in your account for https://evil.example",
		},
		"expired": {
			changes: map[string]string{"WebIdentityToken": w.issuer.Token(audience, subject,
				map[string]any{"exp": 1000})},
			status: 400,
			code:   "ExpiredTokenException",
		},
	} {
		answer := w.post(w.form(tc.changes))
		if tc.message == "" {
			tc.message = answer.Error.Message // it says the time
		}

		if diff := cmp.Diff([]string{strconv.Itoa(tc.status), tc.code, tc.message, "Sender"},
			[]string{
				strconv.Itoa(answer.status), answer.Error.Code, answer.Error.Message, answer.Error.Type,
			}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}

		if answer.RequestID != answer.requestID || answer.requestID == "" {
			t.Errorf("%s: request ids %q and %q", name, answer.RequestID, answer.requestID)
		}
	}
}

func TestUnreachableIssuerIsReported(t *testing.T) {
	w := newWorld(t, nil)
	w.issuer.SetUnavailable(true)
	if a := w.post(w.form(nil)); a.status != 400 || a.Error.Code != "IDPCommunicationError" {
		t.Errorf("%d %+v", a.status, a.Error)
	}
}

func TestServiceWithoutWebIdentitiesDeniesAll(t *testing.T) {
	w := newWorld(t, func(o *sts.Options) { o.WebIdentities = nil })
	if a := w.post(w.form(nil)); a.status != 403 || a.Error.Code != "AccessDenied" {
		t.Errorf("%d %+v", a.status, a.Error)
	}
}

func TestIsRequestAcceptsQueryRequestsOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		method, kind, target string
		want                 bool
	}{
		"form":              {method: "POST", kind: "application/x-www-form-urlencoded", want: true},
		"form with charset": {method: "POST", kind: "application/x-www-form-urlencoded; charset=utf-8", want: true},
		"JSON": {
			method: "POST",
			kind:   "application/x-amz-json-1.0",
			target: "CodeConnections_20231201.ListHosts",
		},
		"form with target": {
			method: "POST",
			kind:   "application/x-www-form-urlencoded",
			target: "CodeConnections_20231201.ListHosts",
		},
		"GET":     {method: "GET", kind: "application/x-www-form-urlencoded"},
		"nothing": {method: "POST"},
	} {
		r := httptest.NewRequest(tc.method, "/", nil)
		r.Header.Set("Content-Type", tc.kind)
		if tc.target != "" {
			r.Header.Set("X-Amz-Target", tc.target)
		}

		if sts.IsRequest(r) != tc.want {
			t.Errorf("%s: not %v", name, tc.want)
		}

		if !tc.want {
			if a := newWorld(t, nil).serve(r); a.status != 400 || a.Error.Code != "InvalidAction" {
				t.Errorf("%s: %d %+v", name, a.status, a.Error)
			}
		}
	}
}

func TestLongBodyIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	a := w.post(w.form(map[string]string{"Filler": strings.Repeat("x", 64<<10)}))
	if a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %+v", a.status, a.Error)
	}
}

func TestAttack23AddressMayComeOnlySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := sts.New(sts.Options{PerSecond: 1, Burst: 3})
		from := func(address, authorization string) string {
			r := httptest.NewRequest(http.MethodPost, "/",
				strings.NewReader("Action=AssumeRoleWithWebIdentity&Version=2011-06-15"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = address

			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}

			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			return regexp.MustCompile(`<Code>(\w+)</Code>`).FindStringSubmatch(rec.Body.String())[1]
		}

		const passed, held = "ValidationError", "Throttling"
		for _, tc := range []struct{ address, authorization, want string }{
			{"192.0.2.1:1", "", passed}, {"192.0.2.1:2", "", passed}, {"192.0.2.1:3", "", passed},
			{"192.0.2.1:4", "", held}, {"[::ffff:192.0.2.1]:5", "", held}, {"192.0.2.2:1", "", passed},
			{"[2001:db8::1]:1", "", passed}, {"[2001:db8::2]:1", "", passed}, {"[2001:db8::3]:1", "", passed},
			{"[2001:db8::4]:1", "", held}, {"[2001:db8:0:1::1]:1", "", passed},
			{"192.0.2.3:1", "AWS4-HMAC-SHA256 x", passed}, {"192.0.2.3:1", "x", passed}, {"192.0.2.3:1", "x", passed},
			{"192.0.2.3:1", "x", held}, {"192.0.2.3:1", "", held}, // a signature that is not verified exempts nothing
		} {
			if got := from(tc.address, tc.authorization); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.address, got, tc.want)
			}
		}

		time.Sleep(time.Second)
		if got := []string{from("192.0.2.1:1", ""), from("192.0.2.1:1", "")}; got[0] != passed || got[1] != held {
			t.Errorf("a second later: %v", got)
		}
	})
}

func TestAttack18LogHoldsNoSecret(t *testing.T) {
	w := newWorld(t, nil)
	form := w.form(nil)
	a := w.post(form)
	secrets := regexp.MustCompile(`<(?:SessionToken|SecretAccessKey)>([^<]+)<`).FindAllStringSubmatch(a.text, -1)
	bad := w.form(map[string]string{"RoleArn": "x"})
	w.post(bad)
	w.post(w.form(map[string]string{"WebIdentityToken": w.issuer.Token("other", subject, nil)}))
	log := w.log.String()
	for _, secret := range []string{
		form.Get("WebIdentityToken"), secrets[0][1], secrets[1][1], bad.Get("WebIdentityToken"),
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}

	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != 3 {
		t.Errorf("%d lines for 3 requests:\n%s", len(lines), log)
	}

	for _, say := range []string{
		"op=AssumeRoleWithWebIdentity", "account=123456789012", "role=deploy", "session=run-1", "subject=" + subject,
		"key=LSSK",
	} {
		if !strings.Contains(lines[0], say) {
			t.Errorf("the log does not say %s: %s", say, lines[0])
		}
	}

	if !strings.Contains(lines[2], "outcome=AccessDenied") {
		t.Errorf("the log does not say that it was denied: %s", lines[2])
	}
}

func FuzzForm(f *testing.F) {
	w := newWorld(f, func(o *sts.Options) { o.PerSecond = -1 })
	f.Add(w.form(nil).Encode())
	f.Add("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=%00" +
		"&RoleSessionName=%ff%fe&WebIdentityToken=....")
	f.Add("Action=GetCallerIdentity&Version=2011-06-15")
	f.Add("Action=%3Cb%3E&Version=]]>")
	f.Add("PolicyArns.member.999999999.arn=x&PolicyArns.member.1.arn=&a;b")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)

		if rec.Code >= 500 || rec.Code < 200 || rec.Body.Len() > 8000 {
			t.Errorf("%q: %d and %d bytes", body, rec.Code, rec.Body.Len())
		}
	})
}

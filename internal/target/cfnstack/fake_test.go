package cfnstack_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const (
	stackARN     = "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/11111111-2222-3333-4444-555555555555"
	changeSetARN = "arn:aws:cloudformation:eu-west-1:111122223333:" +
		"changeSet/lockstep-x-1/66666666-2222-3333-4444-555555555555"
	nestedARN = "arn:aws:cloudformation:eu-west-1:111122223333:stack/web-Net/77777777-2222-3333-4444-555555555555"
	// changeSetTime is when the change set was created, by the fake's clock.
	changeSetTime = "2026-01-02T03:04:05.500Z"
)

// A fake is an endpoint with prepared answers: a list for each action, whose last
// answer is repeated.
type fake struct {
	t       testing.TB
	url     string
	mu      sync.Mutex
	answers map[string][]answer
	calls   []url.Values
	// firstPage is, by action, the first page of a list whose second page was not
	// requested yet.
	firstPage map[string]answer
	cutOff    string // the action whose responses are cut off
}

type answer struct {
	status int
	body   string
}

// newFake returns a fake that answers as AWS does while the stack web is updated.
func newFake(t testing.TB) *fake {
	fake := &fake{t: t, answers: map[string][]answer{}, firstPage: map[string]answer{}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	fake.url = server.URL
	fake.respond("DescribeStacks", stack("CREATE_COMPLETE", ""))
	fake.respond("DescribeChangeSet", noChangeSet(), changeSet("CREATE_COMPLETE", "AVAILABLE", ""))
	fake.respond("CreateChangeSet", createdChangeSet(changeSetARN, stackARN))
	fake.respond("ExecuteChangeSet", result("ExecuteChangeSet", ""))
	fake.respond("DeleteChangeSet", result("DeleteChangeSet", ""))
	fake.respond("DescribeStackEvents", events())
	fake.respond("ListChangeSets", result("ListChangeSets", "<Summaries/>"))
	fake.respond("DeleteStack", result("DeleteStack", ""))

	return fake
}

func (f *fake) respond(action string, answers ...answer) { f.answers[action] = answers }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()

	if err := r.ParseForm(); err != nil {
		f.t.Errorf("form: %v", err)
	}

	action := r.PostForm.Get("Action")
	f.calls = append(f.calls, r.PostForm)
	list := f.answers[action]
	if len(list) == 0 {
		f.t.Errorf("unexpected call of %s", action)
		list = []answer{{http.StatusBadRequest, ""}}
	}

	// The SDK may lose a response and repeat the request: a request without a token
	// is answered with the first page until the next page is requested.
	token := r.PostForm.Get("NextToken")
	if page := f.firstPage[action]; page.body != "" && token == "" {
		list = []answer{page, {}}
	} else if len(list) > 1 {
		f.answers[action] = list[1:]
	}

	delete(f.firstPage, action)
	if token == "" && strings.Contains(list[0].body, "<NextToken>") {
		f.firstPage[action] = list[0]
	}

	w.Header().Set("Content-Type", "text/xml")
	if action == f.cutOff {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<ErrorResponse><Error>")
		return
	}
	w.WriteHeader(list[0].status)
	fmt.Fprint(w, list[0].body)
}

// called returns the calls of an action.
func (f *fake) called(action string) []url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	var calls []url.Values
	for _, call := range f.calls {
		if call.Get("Action") == action {
			calls = append(calls, call)
		}
	}
	return calls
}

// run runs an attempt on files against the fake.
func (f *fake) run(files targettest.Tree, last []byte) targettest.Run {
	f.t.Helper()
	return targettest.Drive(f.t, f.driver(), f.attempt(files, last), false)
}

func (f *fake) driver() *cfnstack.Driver { return newDriver(f.t, f.url) }

func (f *fake) attempt(files targettest.Tree, last []byte) target.Attempt {
	return targettest.NewAttempt(f.t, configuration("web"), files, last)
}

func result(action, body string) answer {
	text := fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, body)
	return answer{http.StatusOK, text}
}

func errorAnswer(status int, code, message string) answer {
	return answer{status, "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code>" +
		"<Message>" + message + "</Message></Error></ErrorResponse>"}
}

func stack(status, more string) answer {
	return result("DescribeStacks",
		"<Stacks><member><StackName>web</StackName><StackId>"+stackARN+"</StackId>"+
			"<StackStatus>"+status+"</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>"+
			more+"</member></Stacks>")
}

func noStack() answer {
	return errorAnswer(http.StatusBadRequest, "ValidationError", "Stack with id web does not exist")
}

func createdChangeSet(arn, stack string) answer {
	return result("CreateChangeSet", "<Id>"+arn+"</Id><StackId>"+stack+"</StackId>")
}

func noChangeSet() answer {
	return errorAnswer(http.StatusNotFound, "ChangeSetNotFound", "")
}

func changeSet(status, execution, reason string) answer {
	return result("DescribeChangeSet",
		"<ChangeSetId>"+changeSetARN+"</ChangeSetId><StackId>"+stackARN+"</StackId><StackName>web</StackName>"+
			"<Status>"+status+"</Status><ExecutionStatus>"+execution+"</ExecutionStatus>"+
			"<StatusReason>"+reason+"</StatusReason><CreationTime>"+changeSetTime+"</CreationTime>")
}

// An event is a stack event: physical id, logical id, type, status, reason.
type event [5]string

// events returns an answer with stack events, given oldest first, a millisecond apart.
func events(list ...event) answer {
	body := strings.Builder{}
	for i := len(list) - 1; i >= 0; i-- {
		listed := list[i]
		fmt.Fprintf(&body, "<member><EventId>e%d-%s</EventId><StackId>%s</StackId><StackName>web</StackName>"+
			"<PhysicalResourceId>%s</PhysicalResourceId><LogicalResourceId>%s</LogicalResourceId>"+
			"<ResourceType>%s</ResourceType><ResourceStatus>%s</ResourceStatus>"+
			"<ResourceStatusReason>%s</ResourceStatusReason><Timestamp>2026-01-02T03:04:06.%03dZ</Timestamp></member>",
			i, listed[1], stackARN, listed[0], listed[1], listed[2], listed[3], listed[4], i)
	}
	return result("DescribeStackEvents", "<StackEvents>"+body.String()+"</StackEvents>")
}

// stackEvent returns an event of the stack itself.
func stackEvent(status, reason string) event {
	return event{stackARN, "web", "AWS::CloudFormation::Stack", status, reason}
}

package awsquery

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
	"time"
)

// An Error is what an operation answers when it refuses. Status is the HTTP
// status; 0 stands for 400.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// A List is a list of an answer: it is there, be it empty, as AWS's are and
// clients expect.
type List[T any] struct {
	Members []T `xml:"member"`
}

// Of makes a list.
func Of[T any](members ...T) List[T] { return List[T]{Members: members} }

// A Time is a timestamp of an answer.
type Time time.Time

// MarshalText writes the form AWS uses.
func (t Time) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// A Service is what an answer says of who gives it.
type Service struct {
	Namespace string
}

// WriteResult answers an operation. result is encoded as its result element;
// nil stands for an operation that has none.
func (s Service) WriteResult(w http.ResponseWriter, action string, result any, requestID string) error {
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	b.WriteString("<" + action + `Response xmlns="` + s.Namespace + `">`)
	if result == nil {
		b.WriteString("<" + action + "Result/>")
	} else if err := enc.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
		return err
	}
	b.WriteString("<ResponseMetadata><RequestId>" + requestID + "</RequestId></ResponseMetadata></" + action + "Response>")
	write(w, http.StatusOK, requestID, b.Bytes())
	return nil
}

// WriteError answers with an error.
func (s Service) WriteError(w http.ResponseWriter, e *Error, requestID string) {
	status, kind := e.Status, "Sender"
	if status == 0 {
		status = http.StatusBadRequest
	}

	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}

	var b bytes.Buffer
	b.WriteString(`<ErrorResponse xmlns="` + s.Namespace + `"><Error><Type>` + kind + "</Type><Code>")
	escape(&b, e.Code)
	b.WriteString("</Code><Message>")
	escape(&b, e.Message)
	b.WriteString("</Message></Error><RequestId>" + requestID + "</RequestId></ErrorResponse>")
	write(w, status, requestID, b.Bytes())
}

func escape(b *bytes.Buffer, s string) {
	_ = xml.EscapeText(b, []byte(s)) // a buffer does not refuse
}

func write(w http.ResponseWriter, status int, requestID string, body []byte) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("x-amzn-RequestId", requestID)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone away
}

package awsquery

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
	"time"
)

// An Error is an error response. Status is the HTTP status; 0 means 400.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// A List is a list of a response. It is present even if it is empty, as AWS's are
// and clients expect.
type List[T any] struct {
	Members []T `xml:"member"`
}

// NewList returns a List.
func NewList[T any](members ...T) List[T] { return List[T]{Members: members} }

// A Time is a timestamp of a response.
type Time time.Time

// MarshalText returns the time in AWS's format.
func (t Time) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// A Service writes responses in an XML namespace.
type Service struct {
	Namespace string
}

// WriteResult writes the response of an operation. result is encoded as the result
// element; nil means that it is empty.
func (s Service) WriteResult(w http.ResponseWriter, action string, result any, requestID string) error {
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	b.WriteString("<" + action + `Response xmlns="` + s.Namespace + `">`)
	if result == nil {
		b.WriteString("<" + action + "Result/>")
	} else if err := enc.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
		return err
	}
	b.WriteString("<ResponseMetadata><RequestId>" + requestID + "</RequestId></ResponseMetadata>")
	b.WriteString("</" + action + "Response>")
	write(w, http.StatusOK, requestID, b.Bytes())
	return nil
}

// WriteError writes an error response.
func (s Service) WriteError(w http.ResponseWriter, refusal *Error, requestID string) {
	status, kind := refusal.Status, "Sender"
	if status == 0 {
		status = http.StatusBadRequest
	}

	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}

	var b bytes.Buffer
	b.WriteString(`<ErrorResponse xmlns="` + s.Namespace + `"><Error><Type>` + kind + "</Type><Code>")
	escape(&b, refusal.Code)
	b.WriteString("</Code><Message>")
	escape(&b, refusal.Message)
	b.WriteString("</Message></Error><RequestId>" + requestID + "</RequestId></ErrorResponse>")
	write(w, status, requestID, b.Bytes())
}

func escape(b *bytes.Buffer, s string) {
	_ = xml.EscapeText(b, []byte(s)) // a buffer returns no error
}

func write(w http.ResponseWriter, status int, requestID string, body []byte) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("x-amzn-RequestId", requestID)
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has disconnected
}

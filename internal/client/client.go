package client

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
)

// requestTimeout is for one request whole. Only GetRevisionSync takes long: it
// asks the Git host.
const requestTimeout = time.Minute

// A Client calls one server with one key or as one role. It may be used concurrently.
type Client struct {
	// AWS has the 27 operations of AWS CodeConnections.
	AWS *codeconnections.Client

	settings    Settings
	credentials aws.CredentialsProvider
	http        *http.Client
	retryer     aws.Retryer
	signer      *v4.Signer
	// skew is how far the server's clock is ahead of ours, learnt from an answer.
	skew atomic.Int64
}

// New makes a client. Nothing is sent yet.
func New(s Settings) *Client {
	h := &http.Client{
		Transport: transport{awshttp.NewBuildableClient().GetTransport(), s.Endpoint},
		Timeout:   requestTimeout,
		// A redirect would carry the body, and in it a credential, elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}

	retryer := retry.NewStandard()
	credentials := s.provider(h, retryer)
	return &Client{
		AWS: codeconnections.New(codeconnections.Options{
			BaseEndpoint: aws.String(s.Endpoint),
			Region:       s.Region,
			Credentials:  credentials,
			HTTPClient:   h,
			Retryer:      retryer,
			AppID:        "lockstep-cli",
		}),
		settings:    s,
		credentials: credentials,
		http:        h,
		retryer:     retryer,
		signer:      v4.NewSigner(),
	}
}

// Settings gives what the client was made with.
func (c *Client) Settings() Settings { return c.settings }

// transport names the server in errors of the network.
type transport struct {
	http.RoundTripper
	endpoint string
}

// RoundTrip sends one request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, &UnreachableError{Endpoint: t.endpoint, Err: err}
	}
	return response, err
}

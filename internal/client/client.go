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

// requestTimeout limits one request. Only GetRevisionSync takes long: it makes a
// request to the Git host.
const requestTimeout = time.Minute

// A Client sends requests to one server with one key or role. It is safe for
// concurrent use.
type Client struct {
	// AWS sends the operations of AWS CodeConnections.
	AWS *codeconnections.Client

	settings    Settings
	credentials aws.CredentialsProvider
	http        *http.Client
	retryer     aws.Retryer
	signer      *v4.Signer
	// skew is how far the server's clock is ahead of ours, as learned from a response.
	skew atomic.Int64
}

// New returns a client. It sends nothing.
func New(settings Settings) *Client {
	httpClient := &http.Client{
		Transport: transport{settings.newTransport(), settings.Endpoint},
		Timeout:   requestTimeout,
		// A redirect would send the body, which may hold a credential, elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}

	retryer := retry.NewStandard()
	credentials := settings.credentialsProvider(httpClient, retryer)
	return &Client{
		AWS: codeconnections.New(codeconnections.Options{
			BaseEndpoint: aws.String(settings.Endpoint),
			Region:       settings.Region,
			Credentials:  credentials,
			HTTPClient:   httpClient,
			Retryer:      retryer,
			AppID:        "lockstep-cli",
		}),
		settings:    settings,
		credentials: credentials,
		http:        httpClient,
		retryer:     retryer,
		signer:      v4.NewSigner(),
	}
}

// newTransport returns the transport of the SDK, which trusts the authorities of s.
func (s Settings) newTransport() *http.Transport {
	tripper := awshttp.NewBuildableClient().GetTransport()
	if s.roots != nil {
		tripper.TLSClientConfig.RootCAs = s.roots
	}
	return tripper
}

// Settings returns the settings of the client.
func (c *Client) Settings() Settings { return c.settings }

// transport returns network errors with the name of the server.
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

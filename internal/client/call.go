package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	prefix = "Lockstep_20261122"
	// maxResponse is far above a page of the longest events, in bytes.
	maxResponse = 16 << 20
	// maxSkew is how far clocks may differ before they count as the cause of a
	// rejected signature.
	maxSkew = 4 * time.Minute
)

// call sends a request of Lockstep's own service, and retries it as the SDK would.
func call[Out, In any](ctx context.Context, client *Client, operation string, in *In) (*Out, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", operation, err)
	}

	for attempt := 1; ; attempt++ {
		responseBody, err := client.send(ctx, operation, body)
		if err == nil {
			out := new(Out)
			if err := json.Unmarshal(responseBody, out); err != nil {
				return nil, fmt.Errorf("decode response of %s: %w", operation, err)
			}
			return out, nil
		}

		if attempt >= client.retryer.MaxAttempts() ||
			!client.adjustClock(err) && !client.retryer.IsErrorRetryable(err) {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}

		delay, refusal := client.retryer.RetryDelay(attempt, err)
		if refusal != nil {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
		if err := pause(ctx, delay); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) send(ctx context.Context, operation string, body []byte) ([]byte, error) {
	key, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}

	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.settings.Endpoint, "/")+"/",
		bytes.NewReader(body))
	if err != nil {
		return nil, err
	}

	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", prefix+"."+operation)
	sum := sha256.Sum256(body)
	now := time.Now().Add(time.Duration(c.skew.Load()))
	err = c.signer.SignHTTP(ctx, key, r, hex.EncodeToString(sum[:]), wire.LockstepName, c.settings.Region, now)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}

	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()

	responseBody, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return nil, &UnreachableError{Endpoint: c.settings.Endpoint, Err: err}
	}
	if response.StatusCode != http.StatusOK {
		return nil, c.responseError(response, responseBody)
	}

	return responseBody, nil
}

// responseError returns the error of a response as the SDK would, for its retryer
// and for callers.
func (c *Client) responseError(response *http.Response, body []byte) error {
	var shape struct {
		Type    string `json:"__type"`
		Message string // or message: encoding/json accepts both
	}
	if err := json.Unmarshal(body, &shape); err != nil || shape.Type == "" {
		return &UnreachableError{
			Endpoint:    c.settings.Endpoint,
			wrongServer: response.StatusCode < http.StatusInternalServerError,
			Err:         fmt.Errorf("HTTP status %d is not a response of a Lockstep server", response.StatusCode),
		}
	}

	fault := smithy.FaultClient
	if response.StatusCode >= http.StatusInternalServerError {
		fault = smithy.FaultServer
	}

	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: response},
			Err: &smithy.GenericAPIError{
				Code: shape.Type[strings.LastIndexByte(shape.Type, '#')+1:], Message: shape.Message, Fault: fault,
			},
		},
		RequestID: response.Header.Get("X-Amzn-Requestid"),
	}
}

// adjustClock reports whether a signature was rejected because our clock is wrong,
// and adjusts the time of further requests.
func (c *Client) adjustClock(err error) bool {
	responseError, ok := err.(*awshttp.ResponseError)
	if !ok || Code(err) != "InvalidSignatureException" {
		return false
	}

	date, err := http.ParseTime(responseError.Response.Header.Get("Date"))
	if err != nil {
		return false
	}

	skew := time.Until(date)
	if off := (skew - time.Duration(c.skew.Load())).Abs(); off < maxSkew {
		return false
	}

	c.skew.Store(int64(skew))
	return true
}

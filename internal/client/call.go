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
	// maxAnswer is far above a page of the longest events.
	maxAnswer = 16 << 20
	// maxSkew is how far clocks may differ before a refused signature is put
	// down to them.
	maxSkew = 4 * time.Minute
)

// call sends one operation of Lockstep's own service, and again where the SDK
// would.
func call[In, Out any](ctx context.Context, c *Client, operation string, in *In) (*Out, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", operation, err)
	}

	for attempt := 1; ; attempt++ {
		answer, err := c.send(ctx, operation, body)
		if err == nil {
			out := new(Out)
			if err := json.Unmarshal(answer, out); err != nil {
				return nil, fmt.Errorf("decode answer to %s: %w", operation, err)
			}
			return out, nil
		}

		if attempt >= c.retryer.MaxAttempts() || !c.adjusted(err) && !c.retryer.IsErrorRetryable(err) {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}

		delay, refusal := c.retryer.RetryDelay(attempt, err)
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

	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.settings.Endpoint, "/")+"/", bytes.NewReader(body))
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

	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &UnreachableError{Endpoint: c.settings.Endpoint, Err: err}
	}
	if response.StatusCode != http.StatusOK {
		return nil, c.failure(response, answer)
	}

	return answer, nil
}

// failure makes the SDK's error of an answer, so that its retryer and everyone
// else treats it as one of the SDK's own.
func (c *Client) failure(response *http.Response, body []byte) error {
	var shape struct {
		Type    string `json:"__type"`
		Message string // or message: encoding/json takes both
	}
	if err := json.Unmarshal(body, &shape); err != nil || shape.Type == "" {
		return &UnreachableError{Endpoint: c.settings.Endpoint, stranger: response.StatusCode < http.StatusInternalServerError,
			Err: fmt.Errorf("the answer is HTTP status %d and no answer of a Lockstep server", response.StatusCode)}
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

// adjusted says whether a signature was refused because our clock is wrong, and
// sets it right for all that follows.
func (c *Client) adjusted(err error) bool {
	answer, ok := err.(*awshttp.ResponseError)
	if !ok || Code(err) != "InvalidSignatureException" {
		return false
	}

	date, err := http.ParseTime(answer.Response.Header.Get("Date"))
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

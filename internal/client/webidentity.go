package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// maxToken is above the limit of STS, in bytes.
const maxToken = 1 << 16

// credentialsProvider returns the key, or a session of the role, which is assumed at
// the server with the first request.
func (s Settings) credentialsProvider(httpClient *http.Client, retryer aws.Retryer) aws.CredentialsProvider {
	if s.AccessKeyID != "" {
		key := aws.Credentials{
			AccessKeyID:     s.AccessKeyID,
			SecretAccessKey: s.secret,
			SessionToken:    s.sessionToken,
			Source:          s.KeyFrom,
		}
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil })
	}

	server := sts.New(sts.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		Region:       s.Region,
		HTTPClient:   httpClient,
		Retryer:      retryer,
		AppID:        "lockstep-cli",
	})
	role := stscreds.NewWebIdentityRoleProvider(server, s.RoleARN, tokenFile(s.tokenFile),
		func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "lockstep-cli" })
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		session, err := role.Retrieve(ctx)
		if err == nil && isAWSKey(session.AccessKeyID) {
			err = awsKeyError("the session of "+s.RoleARN, session.AccessKeyID)
		}
		return session, err
	}))
}

// A tokenFile is a file with a token of another issuer. It is read for each session,
// since a job may have refreshed it.
type tokenFile string

// GetIdentityToken returns the token. Errors do not show it.
func (f tokenFile) GetIdentityToken() ([]byte, error) {
	token, err := readToken(string(f))
	if err != nil {
		return nil, &ConfigError{
			Problem: fmt.Sprintf("There is no token in %s: %v.", string(f), err),
			Hint:    "Let the job write its identity token there before it runs lockstep.",
			Err:     err,
		}
	}
	return token, nil
}

func readToken(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	text, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return nil, err
	}

	token := bytes.TrimSpace(text)
	if len(token) == 0 || len(text) > maxToken {
		return nil, fmt.Errorf("it is empty or longer than %d bytes", maxToken)
	}

	return token, nil
}

package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
)

// A profile is what two AWS files say under one name.
type profile struct {
	endpoint, region            string
	keyID, secret, sessionToken string
	roleARN, tokenFile          string // of a role that a token lets in; both or neither
	from                        string // in words
}

// errNothing says that no place holds a server.
var errNothing = errors.New("no profile and no data directory")

// awsFiles are a config and a credentials file.
type awsFiles struct{ config, credentials string }

// userFiles are the user's own, as the SDKs find them.
func userFiles(getenv func(string) string) awsFiles {
	f := awsFiles{getenv("AWS_CONFIG_FILE"), getenv("AWS_SHARED_CREDENTIALS_FILE")}
	if f.config == "" {
		f.config = filepath.Join(getenv("HOME"), ".aws", "config")
	}
	if f.credentials == "" {
		f.credentials = filepath.Join(getenv("HOME"), ".aws", "credentials")
	}
	return f
}

// dataFiles are those that `up` writes into its data directory.
func dataFiles(dir string) awsFiles {
	return awsFiles{filepath.Join(dir, "config"), filepath.Join(dir, "credentials")}
}

// lookUp reads the place that was named, or the first of the others that holds
// a server.
func lookUp(ctx context.Context, o Options) (profile, error) {
	if o.Profile != "" {
		files := userFiles(o.Getenv)
		p, err := files.read(ctx, o.Profile, "profile "+o.Profile)
		if errors.Is(err, errNothing) {
			return p, &ConfigError{
				Problem: fmt.Sprintf("There is no profile %s in %s or %s.", o.Profile, files.config, files.credentials),
				Remedy:  "Name another with --profile, or add it.",
			}
		}

		return p, err
	}

	if o.Data != "" {
		p, err := dataFiles(o.Data).read(ctx, "default", "data directory "+o.Data)
		if errors.Is(err, errNothing) {
			return p, &ConfigError{
				Problem: fmt.Sprintf("%s is not the data directory of a `lockstep up`: it has no config and credentials files.", o.Data),
				Remedy:  fmt.Sprintf("Start one with `lockstep up --data %s`, or name another with --data.", o.Data),
			}
		}

		return p, err
	}

	return search(ctx, o)
}

func search(ctx context.Context, o Options) (profile, error) {
	user := userFiles(o.Getenv)
	p, err := user.read(ctx, "lockstep", "profile lockstep")
	if !errors.Is(err, errNothing) {
		return p, err
	}
	// Whatever is wrong with the default profile is no business of ours unless
	// it holds one of our keys.
	if p, err := user.read(ctx, "default", "profile default"); err == nil && strings.HasPrefix(p.keyID, "LSAK") {
		return p, nil
	}
	return dataFiles(o.DefaultData).read(ctx, "default", "data directory "+o.DefaultData)
}

// read reads one profile. The error is errNothing where it is not there.
func (f awsFiles) read(ctx context.Context, name, from string) (profile, error) {
	var none config.SharedConfigProfileNotExistError
	c, err := config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = existing(f.config), existing(f.credentials)
	})
	if errors.As(err, &none) {
		return profile{}, errNothing
	}

	if err != nil {
		return profile{}, &ConfigError{
			Problem: fmt.Sprintf("The %s cannot be read from %s and %s.", from, f.config, f.credentials),
			Remedy:  "Mend it: " + err.Error(),
			Err:     err,
		}
	}

	p := profile{endpoint: c.BaseEndpoint, region: c.Region, from: from,
		keyID: c.Credentials.AccessKeyID, secret: c.Credentials.SecretAccessKey, sessionToken: c.Credentials.SessionToken}
	if c.WebIdentityTokenFile != "" && c.RoleARN != "" {
		p.roleARN, p.tokenFile = c.RoleARN, c.WebIdentityTokenFile
	}

	// All services share a port, so that any of the three names the server.
	for _, service := range []string{"lockstep", "codeconnections", "codestar_connections"} {
		if endpoint := c.Services.ServiceValues[service]["endpoint_url"]; endpoint != "" {
			p.endpoint = endpoint
			break
		}
	}

	return p, nil
}

// existing leaves out a file that is not there, which the SDK takes for an
// empty list and not for its default.
func existing(path string) []string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return []string{}
	}
	return []string{path}
}

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

// A profile is a profile of an AWS config and credentials file.
type profile struct {
	endpoint, region            string
	keyID, secret, sessionToken string
	roleARN, tokenFile          string // of a role to assume with a token; both or neither
	caBundle                    string // path of a PEM file
	from                        string // where it was found
}

// errNoProfile is returned if no profile names a server.
var errNoProfile = errors.New("no profile and no data directory")

// awsFiles are the paths of an AWS config and credentials file.
type awsFiles struct{ config, credentials string }

// userFiles returns the files of the user, as the SDKs find them.
func userFiles(getenv func(string) string) awsFiles {
	files := awsFiles{getenv("AWS_CONFIG_FILE"), getenv("AWS_SHARED_CREDENTIALS_FILE")}
	if files.config == "" {
		files.config = filepath.Join(getenv("HOME"), ".aws", "config")
	}
	if files.credentials == "" {
		files.credentials = filepath.Join(getenv("HOME"), ".aws", "credentials")
	}
	return files
}

// dataFiles returns the files that `lockstep up` writes to its data directory.
func dataFiles(dir string) awsFiles {
	return awsFiles{filepath.Join(dir, "config"), filepath.Join(dir, "credentials")}
}

// findProfile returns the profile that is named, or the first that names a server.
func findProfile(ctx context.Context, options Options) (profile, error) {
	if options.Profile != "" {
		return namedProfile(ctx, options, options.Profile, "profile "+options.Profile)
	}

	if options.Data != "" {
		found, err := dataFiles(options.Data).read(ctx, "default", "data directory "+options.Data)
		if errors.Is(err, errNoProfile) {
			return found, &ConfigError{
				Problem: fmt.Sprintf("%s is not the data directory of `lockstep up`: it has no config and "+
					"credentials files.",
					options.Data),
				Hint: fmt.Sprintf("Start one with `lockstep up --data %s`, or name another with --data.", options.Data),
			}
		}

		return found, err
	}

	if name := options.Getenv("AWS_PROFILE"); name != "" {
		return namedProfile(ctx, options, name, "profile "+name+" of AWS_PROFILE")
	}
	return searchProfile(ctx, options)
}

// namedProfile returns a profile of the user, which must exist.
func namedProfile(ctx context.Context, options Options, name, from string) (profile, error) {
	files := userFiles(options.Getenv)
	found, err := files.read(ctx, name, from)
	if errors.Is(err, errNoProfile) {
		return found, &ConfigError{
			Problem: fmt.Sprintf("There is no %s in %s or %s.", from, files.config, files.credentials),
			Hint:    "Name another with --profile, or add it.",
		}
	}
	return found, err
}

func searchProfile(ctx context.Context, options Options) (profile, error) {
	user := userFiles(options.Getenv)
	found, err := user.read(ctx, "lockstep", "profile lockstep")
	if !errors.Is(err, errNoProfile) {
		return found, err
	}
	// An error in the default profile matters only if it has one of Lockstep's keys.
	found, err = user.read(ctx, "default", "profile default")
	if err == nil && strings.HasPrefix(found.keyID, "LSAK") {
		return found, nil
	}
	return dataFiles(options.DefaultData).read(ctx, "default", "data directory "+options.DefaultData)
}

// read returns a profile. The error is errNoProfile if it does not exist.
func (f awsFiles) read(ctx context.Context, name, from string) (profile, error) {
	var none config.SharedConfigProfileNotExistError
	shared, err := config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = ifExists(f.config), ifExists(f.credentials)
	})
	if errors.As(err, &none) {
		return profile{}, errNoProfile
	}

	if err != nil {
		return profile{}, &ConfigError{
			Problem: fmt.Sprintf("The %s cannot be read from %s and %s.", from, f.config, f.credentials),
			Hint:    "Correct it: " + err.Error(),
			Err:     err,
		}
	}

	found := profile{
		endpoint:     shared.BaseEndpoint,
		region:       shared.Region,
		caBundle:     shared.CustomCABundle,
		from:         from,
		keyID:        shared.Credentials.AccessKeyID,
		secret:       shared.Credentials.SecretAccessKey,
		sessionToken: shared.Credentials.SessionToken,
	}
	if shared.WebIdentityTokenFile != "" && shared.RoleARN != "" {
		found.roleARN, found.tokenFile = shared.RoleARN, shared.WebIdentityTokenFile
	}

	// All services share a port, so any of the three names the server.
	for _, service := range []string{"lockstep", "codeconnections", "codestar_connections"} {
		if endpoint := shared.Services.ServiceValues[service]["endpoint_url"]; endpoint != "" {
			found.endpoint = endpoint
			break
		}
	}

	return found, nil
}

// ifExists returns a list without a file that does not exist. The SDK reads no file
// for an empty list, and its default for nil.
func ifExists(path string) []string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return []string{}
	}
	return []string{path}
}

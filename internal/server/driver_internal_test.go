package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

type files struct{ fstest.MapFS }

func (files) ObjectID(string) (string, error) { return lockstep.NoObject, nil }

// One account names the role of another, which trusts the server.
func TestAttack22ARoleIsAssumedWithTheExternalIDOfTheAccount(t *testing.T) {
	asked := make(chan string, 100)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") == "AssumeRole" {
			asked <- r.FormValue("RoleArn") + " by " + r.FormValue("ExternalId")
		}
		http.Error(
			w,
			"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
			http.StatusForbidden,
		)
	}))

	t.Cleanup(sts.Close)
	drivers, err := targetDrivers(Target{
		Endpoint:    sts.URL,
		AssumeRoles: true,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	}, "installation", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}

	const theirs = "arn:aws:iam::222222222222:role/deploy"
	_, err = drivers[0].Advance(t.Context(), target.Attempt{
		ID:        "a",
		StartedAt: time.Now(),
		Now:       time.Now(),
		Configuration: lockstep.SyncConfiguration{Account: "111111111111", Region: "eu-west-1", ResourceName: "web",
			ConfigFile: "web.yaml", RoleARN: theirs},
		OpenTree: func(context.Context) (lockstep.Tree, error) {
			return files{fstest.MapFS{
				"web.yaml": &fstest.MapFile{Data: []byte("template-file-path: t.yaml\n")},
				"t.yaml":   &fstest.MapFile{Data: []byte("Resources: {T: {Type: AWS::SNS::Topic}}\n")},
			}}, nil
		},
	})
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("got %v", err)
	}

	select {
	case got := <-asked:
		if want := theirs + " by lockstep:111111111111"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	default:
		t.Error("no role was asked for")
	}
}

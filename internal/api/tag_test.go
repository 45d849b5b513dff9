package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	oldtypes "github.com/aws/aws-sdk-go-v2/service/codestarconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
)

// tag adds tags given as key=value.
func (w *world) tag(arn string, tags ...string) error {
	input := &codeconnections.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{}}
	for _, t := range tags {
		key, value, _ := strings.Cut(t, "=")
		input.Tags = append(input.Tags, types.Tag{Key: &key, Value: &value})
	}
	_, err := w.SDK().TagResource(w.Context(), input)
	return err
}

func (w *world) untag(arn string, keys ...string) error {
	_, err := w.SDK().UntagResource(w.Context(), &codeconnections.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
	return err
}

func (w *world) tags(arn string) (tags []string, err error) {
	out, err := w.SDK().ListTagsForResource(w.Context(), &codeconnections.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	for _, t := range out.Tags {
		tags = append(tags, *t.Key+"="+*t.Value)
	}
	return tags, nil
}

// linkARN names a link as tags want it.
func linkARN(id string) string {
	return "arn:aws:codeconnections:eu-central-1:111122223333:repository-link/" + id
}

func TestHostsConnectionsAndLinksHaveTags(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		connection := w.createConnection("acme", host)
		for _, arn := range []string{host, connection, linkARN(w.createRepositoryLink(connection, "infra")),
			w.createCodeStarHost()} {
			if err := w.tag(arn, "b=2", "a=1", "Ä +-._:/@=x y"); err != nil {
				t.Fatal(err)
			}

			if err := w.tag(arn, "a=one", "c="); err != nil {
				t.Fatal(err)
			}

			if err := w.untag(arn, "b", "never there"); err != nil {
				t.Fatal(err)
			}

			got := apitest.Must[[]string](t)(w.tags(arn))
			if diff := cmp.Diff([]string{"a=one", "c=", "Ä +-._:/@=x y"}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", arn, diff)
			}
		}

		if got := apitest.Must[[]string](t)(w.tags(w.createHost("bare"))); got != nil {
			t.Errorf("a bare host has %v", got)
		}
	})
}

func TestOlderServiceTagsResourcesOfBothServices(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for _, arn := range []string{w.createCodeStarHost(), w.createConnection("acme", w.createHost("h"))} {
		apitest.Must[*codestarconnections.TagResourceOutput](t)(w.CodeStarSDK().TagResource(t.Context(),
			&codestarconnections.TagResourceInput{
				ResourceArn: &arn,
				Tags:        []oldtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}},
			}))
		if diff := cmp.Diff([]string{"a=1"}, apitest.Must[[]string](t)(w.tags(arn))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", arn, diff)
		}
	}
}

func TestResourceHasAtMostFiftyTags(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		var many []string
		for n := range 51 {
			many = append(many, fmt.Sprintf("k%02d=v", n))
		}

		apitest.ExpectError(t, w.tag(host, many...), "LimitExceededException", "at most 50 tags")
		if err := w.tag(host, many[:50]...); err != nil {
			t.Fatal(err)
		}

		if err := w.tag(host, "k00=another value"); err != nil {
			t.Error(err)
		}

		apitest.ExpectError(t, w.tag(host, "k00=lost", many[50]), "LimitExceededException", "at most 50 tags")
		got := apitest.Must[[]string](t)(w.tags(host))
		if len(got) != 50 {
			t.Fatalf("%d tags, want 50: %v", len(got), got)
		}

		if got[0] != "k00=another value" {
			t.Errorf("the first tag is %q, want k00=another value", got[0])
		}

		if got[49] != "k49=v" {
			t.Errorf("the last tag is %q, want k49=v", got[49])
		}

		if err := w.untag(host, "k00"); err != nil {
			t.Fatal(err)
		}

		if err := w.tag(host, many[50]); err != nil {
			t.Error(err)
		}
	})
}

func TestTagResourceRefusesInvalidTags(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	host := w.createHost("h")
	for _, tc := range []struct{ tag, says string }{
		{"aws:x=1", "must not begin with aws:"},
		{"Aws:x=1", "must not begin with aws:"},
		{"a;b=1", "has invalid characters"},
		{"a\tb=1", "has invalid characters"},
		{"a=<script>", "has invalid characters"},
	} {
		apitest.ExpectError(t, w.tag(host, tc.tag), "ValidationException", tc.says)
	}

	apitest.ExpectError(t, w.tag(host, "a=1", "a=2"), "ValidationException", "given twice")
	apitest.ExpectError(t, w.tag(host, strings.Repeat("k", 129)+"=1"), "ValidationException",
		"less than or equal to 128")
	apitest.ExpectError(t, w.tag(host, "k="+strings.Repeat("v", 257)), "ValidationException",
		"less than or equal to 256")

	if got := apitest.Must[[]string](t)(w.tags(host)); got != nil {
		t.Errorf("it has %v", got)
	}
}

// One answer for whatever cannot be tagged: what is not there, what is of another
// account, and what never has tags.
func TestTagResourceRefusesUnknownResources(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		host := w.createHost("h")
		connection := w.createConnection("acme", host)
		link := linkARN(w.createRepositoryLink(connection, "infra"))
		theirs := w.as(w.CreateKey(other, identity.Admin)).createHost("theirs")
		for _, arn := range []string{
			host[:len(host)-8] + "00000000", theirs, strings.Replace(host, account, other, 1), strings.Replace(theirs,
				other, account, 1),
			strings.Replace(host, region, "us-east-1", 1), strings.Replace(connection, "codeconnections",
				"codestar-connections", 1),
			strings.Replace(link, "codeconnections", "codestar-connections", 1),
			strings.Replace(connection, "connection/", "installation/", 1),
			strings.Replace(connection, "connection/", "host/", 1),
			"arn:aws:s3:eu-central-1:111122223333:bucket/x",
			"arn:aws:codeconnections:eu-central-1:111122223333:host",
			link + "/x",
		} {
			_, err := w.tags(arn)
			for _, err := range []error{err, w.tag(arn, "a=1"), w.untag(arn, "a")} {
				apitest.ExpectError(t, err, "ResourceNotFoundException", "Could not find resource: "+arn)
			}
		}

		var n int
		w.Update(func(tx *db.Tx) error { return tx.QueryRow(`SELECT count(*) FROM tag`).Scan(&n) })
		if n != 0 {
			t.Errorf("%d tags were written", n)
		}
	})
}

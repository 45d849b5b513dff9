package api

import (
	"context"
	"regexp"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// TagResource adds tags to a connection, a host or a repository link; a key that
// is there takes the new value.
func (s *Service) TagResource(ctx context.Context, caller access.Caller, input *wire.TagResourceInput) (*wire.TagResourceOutput, error) {
	tags, around, err := newTags(input.Tags)
	if err != nil {
		return nil, err
	}

	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		arn, err := authorizeTaggable(tx, caller, true, "codeconnections:TagResource", input.ResourceArn, around)
		if err != nil {
			return err
		}
		if err := store.SetTags(tx, arn, tags); err != nil {
			return err
		}

		all, err := store.Tags(tx, arn)
		if err == nil && len(all) > maxTags {
			return tooManyTags()
		}

		return err
	})

	return &wire.TagResourceOutput{}, err
}

// UntagResource removes tags by key; what is not there is no error, as at AWS.
func (s *Service) UntagResource(ctx context.Context, caller access.Caller, input *wire.UntagResourceInput) (*wire.UntagResourceOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		arn, err := authorizeTaggable(tx, caller, true, "codeconnections:UntagResource", input.ResourceArn, policy.Context{TagKeys: input.TagKeys})
		if err != nil {
			return err
		}
		return store.RemoveTags(tx, arn, input.TagKeys)
	})
	return &wire.UntagResourceOutput{}, err
}

// ListTagsForResource reads all tags of a thing, by key.
func (s *Service) ListTagsForResource(ctx context.Context, caller access.Caller, in *wire.ListTagsForResourceInput) (*wire.ListTagsForResourceOutput, error) {
	out := &wire.ListTagsForResourceOutput{Tags: []wire.Tag{}}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		arn, err := authorizeTaggable(tx, caller, false, "codeconnections:ListTagsForResource", in.ResourceArn, policy.Context{})
		if err != nil {
			return err
		}

		tags, err := store.Tags(tx, arn)
		for _, t := range tags {
			out.Tags = append(out.Tags, wire.Tag{Key: t.Key, Value: t.Value})
		}

		return err
	})

	return out, err
}

// addTags gives a thing that was just made its tags. As at AWS that takes the
// permission to tag beside the one to make.
func addTags(tx *db.Tx, caller access.Caller, t access.Subject, arn lockstep.ARN, tags []lockstep.Tag, around policy.Context) error {
	if len(tags) == 0 {
		return nil
	}
	if err := caller.AuthorizeTagged(tx, "codeconnections:TagResource", t.WithNotFound(nil), around); err != nil {
		return err
	}
	return store.SetTags(tx, arn, tags)
}

// authorizeTaggable finds the thing that an ARN names and asks about it. Whatever the ARN
// is, what is missing is missing in the same words. Who is about to change the tags
// locks the thing: tags that others add meanwhile would not be counted, and no
// foreign key has tags go with a thing that is deleted.
func authorizeTaggable(tx *db.Tx, caller access.Caller, lock bool, action, resource string, around policy.Context) (lockstep.ARN, error) {
	arn := lockstep.ARN(resource)
	missing := lockstep.Errorf(lockstep.NotFound, "Could not find resource: %s", arn)
	t, err := findTaggable(tx, caller, lock, arn)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return "", missing
	}
	if err != nil {
		return "", err
	}
	return arn, caller.AuthorizeTagged(tx, action, t.WithNotFound(missing), around)
}

// findTaggable gives the thing of the caller's that an ARN names.
func findTaggable(tx *db.Tx, caller access.Caller, lock bool, arn lockstep.ARN) (access.Subject, error) {
	host, connection, link := store.Host, store.Connection, store.Link
	if lock {
		host, connection, link = store.LockHost, store.LockConnection, store.LockLink
	}

	kind, id, _ := strings.Cut(arn.Resource(), "/")
	switch kind {
	case "host":
		h, err := host(tx, caller.Account, caller.Region, arn)
		return access.HostSubject(h), err
	case "connection":
		conn, err := connection(tx, caller.Account, caller.Region, arn)
		return access.ConnectionSubject(conn), err
	case "repository-link":
		link, err := link(tx, caller.Account, caller.Region, id)
		if err == nil && link.ARN != arn {
			err = store.NoLink(id)
		}
		return access.LinkSubject(link), err
	}

	return access.Subject{}, lockstep.Errorf(lockstep.NotFound, "Nothing of that kind can have tags.")
}

// maxTags is the number of tags that a resource may have, as everywhere at AWS.
const maxTags = 50

// taggable are the characters that AWS allows in keys and values
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html).
var taggable = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// newTags checks what the shapes cannot say of tags: their characters, that AWS
// keeps the keys that begin with aws: to itself, that a key is given once, and
// how many there may be. Policies are told what is given.
func newTags(in []wire.Tag) ([]lockstep.Tag, policy.Context, error) {
	around := policy.Context{RequestTags: map[string]string{}}
	var tags []lockstep.Tag
	for _, t := range in {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, around, lockstep.Errorf(lockstep.Invalid, "Tag keys must not begin with aws: as %q does.", t.Key)
		}
		if !taggable.MatchString(t.Key) || !taggable.MatchString(t.Value) {
			return nil, around, lockstep.Errorf(lockstep.Invalid,
				"Tag %q has characters that tags cannot have: letters, digits, spaces and _.:/=+-@ are allowed.", t.Key)
		}
		if _, twice := around.RequestTags[t.Key]; twice {
			return nil, around, lockstep.Errorf(lockstep.Invalid, "Tag key %q is given twice.", t.Key)
		}

		around.RequestTags[t.Key] = t.Value
		around.TagKeys = append(around.TagKeys, t.Key)
		tags = append(tags, lockstep.Tag{Key: t.Key, Value: t.Value})
	}

	if len(tags) > maxTags {
		return nil, around, tooManyTags()
	}

	return tags, around, nil
}

func tooManyTags() error {
	return lockstep.Errorf(lockstep.Limit, "A resource can have at most %d tags.", maxTags)
}

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

// TagResource adds tags to a connection, a host or a repository link. The value of
// an existing key is replaced.
func (s *Service) TagResource(
	ctx context.Context, caller access.Caller, input *wire.TagResourceInput,
) (*wire.TagResourceOutput, error) {
	tags, request, err := parseTags(input.Tags)
	if err != nil {
		return nil, err
	}

	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		arn, err := authorizeTaggable(tx, caller, true, "codeconnections:TagResource", input.ResourceArn, request)
		if err != nil {
			return err
		}
		if err := store.SetTags(tx, arn, tags); err != nil {
			return err
		}

		all, err := store.Tags(tx, arn)
		if err == nil && len(all) > maxTags {
			return tagLimitError()
		}

		return err
	})

	return &wire.TagResourceOutput{}, err
}

// UntagResource removes tags by their keys. As at AWS, an unknown key is not an
// error.
func (s *Service) UntagResource(
	ctx context.Context, caller access.Caller, input *wire.UntagResourceInput,
) (*wire.UntagResourceOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		arn, err := authorizeTaggable(tx, caller, true, "codeconnections:UntagResource", input.ResourceArn,
			policy.Context{TagKeys: input.TagKeys})
		if err != nil {
			return err
		}
		return store.RemoveTags(tx, arn, input.TagKeys)
	})
	return &wire.UntagResourceOutput{}, err
}

// ListTagsForResource returns the tags of a resource, by key.
func (s *Service) ListTagsForResource(
	ctx context.Context, caller access.Caller, input *wire.ListTagsForResourceInput,
) (*wire.ListTagsForResourceOutput, error) {
	out := &wire.ListTagsForResourceOutput{Tags: []wire.Tag{}}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		arn, err := authorizeTaggable(tx, caller, false, "codeconnections:ListTagsForResource", input.ResourceArn,
			policy.Context{})
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

// addTags stores the tags of a new resource. As at AWS, the caller must be allowed
// to tag it.
func addTags(
	tx *db.Tx, caller access.Caller, t access.Subject, arn lockstep.ARN, tags []lockstep.Tag, request policy.Context,
) error {
	if len(tags) == 0 {
		return nil
	}
	if err := caller.AuthorizeTagged(tx, "codeconnections:TagResource", t.WithNotFound(nil), request); err != nil {
		return err
	}
	return store.SetTags(tx, arn, tags)
}

// authorizeTaggable authorizes an action on the resource with an ARN. The error for
// an unknown ARN is the same whatever its form. Lock the resource to change its
// tags: otherwise tags that others add meanwhile are not counted, and tags may
// outlive the resource.
func authorizeTaggable(
	tx *db.Tx, caller access.Caller, lock bool, action, resource string, request policy.Context,
) (lockstep.ARN, error) {
	arn := lockstep.ARN(resource)
	missing := lockstep.Errorf(lockstep.NotFound, "Could not find resource: %s", arn)
	t, err := findTaggable(tx, caller, lock, arn)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return "", missing
	}
	if err != nil {
		return "", err
	}
	return arn, caller.AuthorizeTagged(tx, action, t.WithNotFound(missing), request)
}

// findTaggable returns the resource of the caller with an ARN.
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

	return access.Subject{}, lockstep.Errorf(lockstep.NotFound, "Resources of this type cannot have tags.")
}

// maxTags is the number of tags that a resource may have, as everywhere at AWS.
const maxTags = 50

// tagPattern are the characters that AWS allows in keys and values
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html).
var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// parseTags checks what the shapes of tags do not: characters, reserved and repeated
// keys, and their number. It returns them as policies see them, too.
func parseTags(in []wire.Tag) ([]lockstep.Tag, policy.Context, error) {
	request := policy.Context{RequestTags: map[string]string{}}
	var tags []lockstep.Tag
	for _, t := range in {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, request, lockstep.Errorf(
				lockstep.Invalid, "Tag keys must not begin with aws: as %q does.", t.Key,
			)
		}
		if !tagPattern.MatchString(t.Key) || !tagPattern.MatchString(t.Value) {
			return nil, request, lockstep.Errorf(lockstep.Invalid,
				"Tag %q has invalid characters. Tags can have letters, digits, spaces and _.:/=+-@.", t.Key)
		}
		if _, twice := request.RequestTags[t.Key]; twice {
			return nil, request, lockstep.Errorf(lockstep.Invalid, "Tag key %q is given twice.", t.Key)
		}

		request.RequestTags[t.Key] = t.Value
		request.TagKeys = append(request.TagKeys, t.Key)
		tags = append(tags, lockstep.Tag{Key: t.Key, Value: t.Value})
	}

	if len(tags) > maxTags {
		return nil, request, tagLimitError()
	}

	return tags, request, nil
}

func tagLimitError() error {
	return lockstep.Errorf(lockstep.Limit, "A resource can have at most %d tags.", maxTags)
}

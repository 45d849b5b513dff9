package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/lockstephq/lockstep"
)

// The types of what is no thing.
const (
	userType    cedar.EntityType = "User"
	sessionType cedar.EntityType = "Session"
	roleType    cedar.EntityType = "Role"
	actionType  cedar.EntityType = "Action"
	tagsType    cedar.EntityType = "RequestTags"
)

// somebody says whether there is such a principal. One without an account or a
// name is nobody; so is one in a ready-made role that does not exist, and one
// whose assumed role is written as a ready-made one, or with a slash, which would
// let two sessions have one id.
func (p Principal) somebody() bool {
	return p.Account != "" && p.Name != "" && (p.Role == "" || IsReadyMade(p.Role)) &&
		!IsReadyMade(p.Assumed) && !strings.Contains(p.Assumed, "/")
}

func (p Principal) uid() cedar.EntityUID {
	if p.Assumed != "" {
		return cedar.NewEntityUID(sessionType, cedar.String(p.Assumed+"/"+p.Name))
	}
	return cedar.NewEntityUID(userType, cedar.String(p.Name))
}

// roles gives all roles that the principal is in, directly or not.
func (p Principal) roles() []cedar.EntityUID {
	var roles []cedar.EntityUID
	for _, role := range []string{p.Assumed, p.Role} {
		if role != "" {
			roles = append(roles, cedar.NewEntityUID(roleType, cedar.String(role)))
		}
	}
	return roles
}

func actionUID(name string) cedar.EntityUID {
	return cedar.NewEntityUID(actionType, cedar.String(name))
}

func (r Resource) uid() cedar.EntityUID {
	return cedar.NewEntityUID(cedar.EntityType(r.Type), cedar.String(r.ID))
}

// requestTags is the entity that carries the tags of a call: Cedar has no other
// value whose keys may be any.
func requestTags() cedar.EntityUID { return cedar.NewEntityUID(tagsType, "call") }

// entities are those of one request. They are made when a policy asks for them:
// most ask for few.
type entities struct {
	principal Principal
	request   Request
	group     Group

	resource *cedar.Entity
}

func (e *entities) cedarRequest() cedar.Request {
	keys := make([]cedar.Value, len(e.request.Context.TagKeys))
	for i, key := range e.request.Context.TagKeys {
		keys[i] = cedar.String(key)
	}
	return cedar.Request{
		Principal: e.principal.uid(), Action: actionUID(e.request.Action), Resource: e.request.Resource.uid(),
		Context: cedar.NewRecord(cedar.RecordMap{
			"region": cedar.String(e.request.Context.Region), "requestTags": requestTags(), "tagKeys": cedar.NewSet(keys...),
		}),
	}
}

// Get gives an entity, as Cedar's evaluator wants it. What is not part of the
// request is not there: a policy learns nothing of other things.
func (e *entities) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch uid {
	case e.request.Resource.uid():
		if e.resource == nil {
			made := e.request.Resource.entity(e.principal.Account)
			e.resource = &made
		}
		return *e.resource, true
	case e.principal.uid():
		return e.principal.entity(), true
	case actionUID(e.request.Action):
		return cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(actionUID(string(e.group)))}, true
	case requestTags():
		return cedar.Entity{UID: uid, Tags: record(e.request.Context.RequestTags)}, true
	}
	return cedar.Entity{}, false
}

func (p Principal) entity() cedar.Entity {
	attributes := cedar.RecordMap{"name": cedar.String(p.Name)}
	if p.Assumed != "" {
		attributes["role"] = cedar.String(p.Assumed)
	}
	return cedar.Entity{UID: p.uid(), Parents: cedar.NewEntityUIDSet(p.roles()...), Attributes: cedar.NewRecord(attributes)}
}

// entity describes a thing. Its parents are all that it is in, so that Cedar
// need not be told of those.
func (r Resource) entity(account string) cedar.Entity {
	var parents []cedar.EntityUID
	for _, in := range r.Within {
		parents = append(parents, cedar.NewEntityUID(cedar.EntityType(in.Type), cedar.String(in.ID)))
	}
	if r.Type != Account && r.Type != IAMRole {
		parents = append(parents, cedar.NewEntityUID(cedar.EntityType(Account), cedar.String(account)))
	}
	return cedar.Entity{
		UID: r.uid(), Parents: cedar.NewEntityUIDSet(parents...), Attributes: record(r.Attributes), Tags: tags(r.Tags),
	}
}

func record(values map[string]string) cedar.Record {
	m := make(cedar.RecordMap, len(values))
	for key, value := range values {
		m[cedar.String(key)] = cedar.String(value)
	}
	return cedar.NewRecord(m)
}

func tags(all []lockstep.Tag) cedar.Record {
	m := make(cedar.RecordMap, len(all))
	for _, tag := range slices.Backward(all) { // of two with one key the first counts
		m[cedar.String(tag.Key)] = cedar.String(tag.Value)
	}
	return cedar.NewRecord(m)
}

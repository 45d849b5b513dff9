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
	return p.Account != "" && p.Name != "" && (p.Role == "" || IsBuiltInRole(p.Role)) &&
		!IsBuiltInRole(p.AssumedRole) && !strings.Contains(p.AssumedRole, "/")
}

func (p Principal) uid() cedar.EntityUID {
	if p.AssumedRole != "" {
		return cedar.NewEntityUID(sessionType, cedar.String(p.AssumedRole+"/"+p.Name))
	}
	return cedar.NewEntityUID(userType, cedar.String(p.Name))
}

// roles gives all roles that the principal is in, directly or not.
func (p Principal) roles() []cedar.EntityUID {
	var roles []cedar.EntityUID
	for _, role := range []string{p.AssumedRole, p.Role} {
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

// entities are those of one request. They are made when a policy asks for them,
// once: most policies ask for few, and ten ask for the same.
type entities struct {
	principal Principal
	request   Request
	group     ActionGroup

	asked cedar.Request
	made  [4]cedar.Entity // in the order of Get; one without a type is not made yet
}

func newEntities(p Principal, r Request, g ActionGroup) *entities {
	keys := make([]cedar.Value, len(r.Context.TagKeys))
	for i, key := range r.Context.TagKeys {
		keys[i] = cedar.String(key)
	}
	return &entities{principal: p, request: r, group: g, asked: cedar.Request{
		Principal: p.uid(), Action: actionUID(r.Action), Resource: r.Resource.uid(),
		Context: cedar.NewRecord(cedar.RecordMap{
			"region": cedar.String(r.Context.Region), "requestTags": requestTags(), "tagKeys": cedar.NewSet(keys...),
		}),
	}}
}

// Get gives an entity, as Cedar's evaluator wants it. What is not part of the
// request is not there: a policy learns nothing of other things.
func (e *entities) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch uid {
	case e.asked.Resource:
		return e.once(0, func() cedar.Entity { return e.request.Resource.entity(e.principal.Account) }), true
	case e.asked.Principal:
		return e.once(1, e.principal.entity), true
	case e.asked.Action:
		return e.once(2, func() cedar.Entity {
			return cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(actionUID(string(e.group)))}
		}), true
	case requestTags():
		return e.once(3, func() cedar.Entity { return cedar.Entity{UID: uid, Tags: record(e.request.Context.RequestTags)} }), true
	}

	return cedar.Entity{}, false
}

func (e *entities) once(n int, entity func() cedar.Entity) cedar.Entity {
	if e.made[n].UID.Type == "" {
		e.made[n] = entity()
	}
	return e.made[n]
}

func (p Principal) entity() cedar.Entity {
	attributes := cedar.RecordMap{"name": cedar.String(p.Name)}
	if p.AssumedRole != "" {
		attributes["role"] = cedar.String(p.AssumedRole)
	}
	return cedar.Entity{UID: p.uid(), Parents: cedar.NewEntityUIDSet(p.roles()...), Attributes: cedar.NewRecord(attributes)}
}

// entity describes a thing. Its parents are all that it is in, so that Cedar
// need not be told of those.
func (r Resource) entity(account string) cedar.Entity {
	var parents []cedar.EntityUID
	for _, in := range r.Parents {
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

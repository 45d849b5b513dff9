package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/lockstephq/lockstep"
)

// The types of entities that are not resources.
const (
	userType    cedar.EntityType = "User"
	sessionType cedar.EntityType = "Session"
	roleType    cedar.EntityType = "Role"
	actionType  cedar.EntityType = "Action"
	tagsType    cedar.EntityType = "RequestTags"
)

// isValid reports whether the principal can exist. It needs an account and a name.
// Its built-in role must exist, and its assumed role must not have the name of a
// built-in one, or contain a slash, which would give two sessions the same id.
func (p Principal) isValid() bool {
	return p.Account != "" && p.Name != "" && (p.Role == "" || IsBuiltInRole(p.Role)) &&
		!IsBuiltInRole(p.AssumedRole) && !strings.Contains(p.AssumedRole, "/")
}

func (p Principal) uid() cedar.EntityUID {
	if p.AssumedRole != "" {
		return cedar.NewEntityUID(sessionType, cedar.String(p.AssumedRole+"/"+p.Name))
	}
	return cedar.NewEntityUID(userType, cedar.String(p.Name))
}

// roles returns all roles of the principal.
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

// requestTags is the entity that carries the tags of a request: in Cedar, only tags
// may have arbitrary keys.
func requestTags() cedar.EntityUID { return cedar.NewEntityUID(tagsType, "call") }

// entities are those of one request. Each is built once, when a policy first needs
// it.
type entities struct {
	principal Principal
	request   Request
	group     ActionGroup

	cedarRequest cedar.Request
	cached       [4]cedar.Entity // in the order of Get; not yet built if its type is ""
}

func newEntities(principal Principal, request Request, group ActionGroup) *entities {
	keys := make([]cedar.Value, len(request.Context.TagKeys))
	for i, key := range request.Context.TagKeys {
		keys[i] = cedar.String(key)
	}

	return &entities{
		principal: principal,
		request:   request,
		group:     group,
		cedarRequest: cedar.Request{
			Principal: principal.uid(),
			Action:    actionUID(request.Action),
			Resource:  request.Resource.uid(),
			Context: cedar.NewRecord(cedar.RecordMap{
				"region":      cedar.String(request.Context.Region),
				"requestTags": requestTags(),
				"tagKeys":     cedar.NewSet(keys...),
			}),
		},
	}
}

// Get implements cedar's entity getter. It returns only the entities of the
// request, so that a policy cannot test others.
func (e *entities) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch uid {
	case e.cedarRequest.Resource:
		return e.entity(0, func() cedar.Entity { return e.request.Resource.entity(e.principal.Account) }), true
	case e.cedarRequest.Principal:
		return e.entity(1, e.principal.entity), true
	case e.cedarRequest.Action:
		return e.entity(2, func() cedar.Entity {
			return cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(actionUID(string(e.group)))}
		}), true
	case requestTags():
		return e.entity(3, func() cedar.Entity {
			return cedar.Entity{UID: uid, Tags: recordOf(e.request.Context.RequestTags)}
		}), true
	}

	return cedar.Entity{}, false
}

func (e *entities) entity(i int, entity func() cedar.Entity) cedar.Entity {
	if e.cached[i].UID.Type == "" {
		e.cached[i] = entity()
	}
	return e.cached[i]
}

func (p Principal) entity() cedar.Entity {
	attributes := cedar.RecordMap{"name": cedar.String(p.Name)}
	if p.AssumedRole != "" {
		attributes["role"] = cedar.String(p.AssumedRole)
	}
	return cedar.Entity{
		UID:        p.uid(),
		Parents:    cedar.NewEntityUIDSet(p.roles()...),
		Attributes: cedar.NewRecord(attributes),
	}
}

// entity returns the resource as a Cedar entity. Its parents are transitive, so
// that Cedar does not need theirs.
func (r Resource) entity(account string) cedar.Entity {
	var parents []cedar.EntityUID
	for _, in := range r.Parents {
		parents = append(parents, cedar.NewEntityUID(cedar.EntityType(in.Type), cedar.String(in.ID)))
	}
	if r.Type != Account && r.Type != IAMRole {
		parents = append(parents, cedar.NewEntityUID(cedar.EntityType(Account), cedar.String(account)))
	}
	return cedar.Entity{
		UID:        r.uid(),
		Parents:    cedar.NewEntityUIDSet(parents...),
		Attributes: recordOf(r.Attributes),
		Tags:       tagRecord(r.Tags),
	}
}

func recordOf(values map[string]string) cedar.Record {
	record := make(cedar.RecordMap, len(values))
	for key, value := range values {
		record[cedar.String(key)] = cedar.String(value)
	}
	return cedar.NewRecord(record)
}

func tagRecord(all []lockstep.Tag) cedar.Record {
	values := make(cedar.RecordMap, len(all))
	for _, tag := range slices.Backward(all) { // the first of two tags with one key counts
		values[cedar.String(tag.Key)] = cedar.String(tag.Value)
	}
	return cedar.NewRecord(values)
}

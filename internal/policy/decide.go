package policy

// A Principal is who asks.
type Principal struct {
	Account string
	// Name is that of a User; of a Session it is the part behind the role.
	Name string
	// AssumedRole is the web identity role that a Session came by, "" for a User.
	AssumedRole string
	// Role is the ready-made role that the principal, or the role it assumed, is
	// in: reader, operator, admin, or "" for none.
	Role string
}

// A Request is what is asked. Context is what is known of the call itself.
type Request struct {
	Action   string // such as codeconnections:GetConnection
	Resource Resource
	Context  Context
}

// A Context is what a policy may ask of a call beside its resource.
type Context struct {
	Region string
	// RequestTags are the tags that a call adds to a thing, or makes it with.
	RequestTags map[string]string
	// TagKeys are the keys that a call adds or removes.
	TagKeys []string
}

// A Decision is an answer. Reason ends the sentence "… is not authorized …" in
// AWS's manner: "because no policy allows the action", or which forbids it.
type Decision struct {
	Allowed bool
	Reason  string
}

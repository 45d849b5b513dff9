package policy

// A Principal is the caller.
type Principal struct {
	Account string
	// Name is the name of a User, or the part after the slash of a Session.
	Name string
	// AssumedRole is the web identity role of a Session, "" for a User.
	AssumedRole string
	// Role is the built-in role of the principal or of the role it assumed: reader,
	// operator, admin, or "" for none.
	Role string
}

// A Request is what a principal asks to do.
type Request struct {
	Action   string // such as codeconnections:GetConnection
	Resource Resource
	Context  Context
}

// A Context is what a policy may test of a request in addition to its resource.
type Context struct {
	Region string
	// RequestTags are the tags that the request adds to a resource, or creates it
	// with.
	RequestTags map[string]string
	// TagKeys are the tag keys that the request adds or removes.
	TagKeys []string
}

// A Decision is the result of a request. Reason completes AWS's sentence "… is not
// authorized …": "because no policy allows the action", or with the policy that
// forbids it.
type Decision struct {
	Allowed bool
	Reason  string
}

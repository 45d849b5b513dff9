package provider

import (
	"net/url"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
)

// Metadata describes a provider type. It is all that the rest of Lockstep knows of
// one.
type Metadata struct {
	Type lockstep.ProviderType
	// Name is the product as its users call it.
	Name string
	// Endpoint is the URL of the provider's own service, which a connection without
	// host reaches. If it is "", every connection needs a host.
	Endpoint string
	// HostEndpoint is the form of the endpoints of hosts. nil means that the type has
	// no hosts.
	HostEndpoint *EndpointForm
	// SelfHosted is the provider type of the same product on servers of one's own. ""
	// if there is none, or if it is this type.
	SelfHosted lockstep.ProviderType
	// Webhook is the kind of webhooks that the hosts send. "" if hosts of the type
	// send different kinds.
	Webhook lockstep.WebhookKind
	// CommentHTML is true if the hosts render HTML in the Markdown of comments. Defaults
	// to showing tags and HTML comments as text, as Bitbucket does.
	CommentHTML bool
}

// NeedsHost reports whether every connection of the type is to a host.
func (m Metadata) NeedsHost() bool { return m.Endpoint == "" }

// CheckEndpoint returns an Invalid error if a host of the type cannot have the
// endpoint.
func (m Metadata) CheckEndpoint(endpoint string) error {
	if m.HostEndpoint != nil {
		return m.HostEndpoint.check(endpoint)
	}

	hint := "Create a connection without a host."
	if m.SelfHosted != "" {
		hint = "A server of your own is of type " + string(m.SelfHosted) + "."
	}
	return lockstep.Errorf(lockstep.Invalid, "Provider type %s is %s and has no hosts. %s", m.Type, m.Name, hint)
}

// BaseURL returns the URL of a host, or of the provider's own service if host is nil,
// without a slash at its end. The error is Invalid if the type has no such place.
func (m Metadata) BaseURL(host *lockstep.Host) (string, error) {
	switch {
	case host != nil:
		return strings.TrimRight(host.Endpoint, "/"), m.CheckEndpoint(host.Endpoint)
	case m.NeedsHost():
		return "", lockstep.Errorf(lockstep.Invalid,
			"Provider type %s needs a host, and the connection has none.", m.Type)
	}
	return strings.TrimRight(m.Endpoint, "/"), nil
}

// An EndpointForm is what the endpoints of hosts look like.
type EndpointForm struct {
	Schemes []string // such as https
	// Path allows a path, for servers below one.
	Path bool
	// FileRefused explains why file:// is refused, if it is a scheme of the type that
	// this server does not allow. Defaults to refusing it like any other scheme.
	FileRefused string
}

// HTTP is the form https://HOST or http://HOST, with a path at most.
func HTTP() *EndpointForm { return &EndpointForm{Schemes: []string{"https", "http"}, Path: true} }

func (f *EndpointForm) check(endpoint string) error {
	address, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint is not a URL.")
	case address.User != nil:
		return lockstep.Errorf(lockstep.Invalid,
			"The endpoint has a user name or password. Credentials belong to a connection.")
	case address.Scheme == "file" && f.FileRefused != "":
		return lockstep.Errorf(lockstep.Invalid, "The endpoint %s is a local folder, %s.", endpoint, f.FileRefused)
	case !slices.Contains(f.Schemes, address.Scheme) || !f.allows(address):
		return lockstep.Errorf(lockstep.Invalid, "The endpoint %s is not %s.", endpoint, f)
	}
	return nil
}

// allows reports whether the rest of a URL has the form.
func (f *EndpointForm) allows(address *url.URL) bool {
	if address.RawQuery != "" || address.ForceQuery || address.Fragment != "" ||
		!f.Path && strings.Trim(address.Path, "/") != "" {
		return false
	}
	if address.Scheme == "file" {
		return address.Host == "" && strings.HasPrefix(address.Path, "/")
	}
	return address.Hostname() != ""
}

// String returns the form as messages show it.
func (f *EndpointForm) String() string {
	var forms []string
	for _, scheme := range f.Schemes {
		if scheme != "file" {
			forms = append(forms, scheme+"://HOST")
		}
	}

	text := strings.Join(forms, ", ")
	if last := len(forms) - 1; last > 0 {
		text = strings.Join(forms[:last], ", ") + " or " + forms[last]
	}
	if f.Path {
		return text + ", with a path at most"
	}

	return text
}

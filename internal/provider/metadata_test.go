package provider_test

import (
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

func TestAnEndpointHasTheFormOfItsType(t *testing.T) {
	https := &provider.EndpointForm{Schemes: []string{"https"}}
	local := &provider.EndpointForm{Schemes: []string{"https", "file"}, Path: true}
	refused := &provider.EndpointForm{Schemes: []string{"https"}, FileRefused: "which this server may not read"}
	for _, test := range []struct {
		form     *provider.EndpointForm
		endpoint string
		want     string // in the error; "" is no error
	}{
		{https, "https://git.example.com", ""},
		{https, "https://git.example.com/", ""},
		{https, "https://git.example.com:8443", ""},
		{https, "http://git.example.com", "is not https://HOST."},
		{https, "https://git.example.com/git", "is not https://HOST."},
		{https, "https://", "is not https://HOST."},
		{https, "https://:443", "is not https://HOST."},
		{https, "https://git.example.com?x", "is not https://HOST."},
		{https, "https://git.example.com#x", "is not https://HOST."},
		{https, "https://me@git.example.com", "Credentials belong to a connection"},
		{https, "https://%zz", "not a URL"},
		{https, "file:///srv/git", "is not https://HOST."},
		{provider.HTTP(), "http://git.example.com/git", ""},
		{provider.HTTP(), "ssh://git.example.com", "is not https://HOST or http://HOST, with a path at most."},
		{local, "file:///srv/git", ""},
		{local, "file://host/srv/git", "is not https://HOST, with a path at most."},
		{refused, "file:///srv/git", "is a local folder, which this server may not read."},
	} {
		err := provider.Metadata{Type: "Forge", HostEndpoint: test.form}.CheckEndpoint(test.endpoint)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.endpoint, err)
		case test.want != "" && lockstep.KindOf(err) != lockstep.Invalid:
			t.Errorf("%s: got %v, want an Invalid error", test.endpoint, err)
		case test.want != "" && !strings.Contains(err.Error(), test.want):
			t.Errorf("%s: got %v, want %q in it", test.endpoint, err, test.want)
		}
	}
}

func TestATypeWithoutHostsNamesTheOneThatHasThem(t *testing.T) {
	for _, test := range []struct {
		metadata provider.Metadata
		want     string
	}{
		{provider.Metadata{
			Type:       "Forge",
			Name:       "forge.example",
			SelfHosted: "ForgeServer",
		}, "A server of your own is of type ForgeServer."},
		{provider.Metadata{Type: "Forge", Name: "forge.example"}, "Create a connection without a host."},
	} {
		err := test.metadata.CheckEndpoint("https://git.example.com")
		if err == nil || !strings.HasSuffix(err.Error(),
			"Provider type Forge is forge.example and has no hosts. "+test.want) {
			t.Errorf("got %v, want that it ends in %q", err, test.want)
		}
	}
}

func TestTheBaseURLIsTheHostsOrTheServices(t *testing.T) {
	service := provider.Metadata{Type: "Forge", Endpoint: "https://forge.example/", HostEndpoint: provider.HTTP()}
	hosts := provider.Metadata{Type: "ForgeServer", HostEndpoint: provider.HTTP()}
	host := &lockstep.Host{Endpoint: "https://git.example.com/git/"}
	for _, test := range []struct {
		name     string
		metadata provider.Metadata
		host     *lockstep.Host
		want     string // "" is an Invalid error
	}{
		{name: "service", metadata: service, want: "https://forge.example"},
		{
			name:     "host of a type with service",
			metadata: service,
			host:     host,
			want:     "https://git.example.com/git",
		},
		{name: "host", metadata: hosts, host: host, want: "https://git.example.com/git"},
		{name: "no host", metadata: hosts},
	} {
		got, err := test.metadata.BaseURL(test.host)
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if isInvalid := lockstep.KindOf(err) == lockstep.Invalid && err != nil; isInvalid != (test.want == "") {
			t.Errorf("%s: error %v", test.name, err)
		}
	}
}

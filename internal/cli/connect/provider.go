package connect

import (
	"strings"

	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/server"
)

// providerTypes returns the provider types for help, such as "Git, GitHub".
func providerTypes() string {
	var types []string
	for _, metadata := range server.ProviderTypes() {
		types = append(types, string(metadata.Type))
	}
	return strings.Join(types, ", ")
}

// metadataOf returns the metadata of a provider type. If this program does not know
// the type, it has no endpoint of its own and no kind of webhooks.
func metadataOf(providerType string) provider.Metadata {
	for _, metadata := range server.ProviderTypes() {
		if string(metadata.Type) == providerType {
			return metadata
		}
	}
	return provider.Metadata{}
}

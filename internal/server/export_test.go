package server

// What the tests need to wire a server with drivers of their own.
var (
	Assemble           = assemble
	ProviderDrivers    = providerDrivers
	SandboxCredentials = sandboxCredentials
)

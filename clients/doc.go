// Package clients is about applications: the registered OAuth clients and the APIs their tokens are for.
//
// It owns client metadata and its invariants (one Validate for config, command line and registration), the registry of declared
// and stored clients with its cache, secrets, redirect rules and the audience rule. It knows neither people nor the protocol's
// messages. RFC 7591 names the metadata, RFC 8252 and RFC 9700 the redirect rules, RFC 8707 the resources.
//
// Begin with Metadata and Registry.
package clients

// Package conformance holds what the certification programme of the OpenID Foundation asks of a provider, one test for each requirement,
// named by the profile and the module of the official suite that looks at it. The tests see a server as that suite does: its discovery
// document, registration, pages by their fixed ids, endpoints, and what apps are told.
//
// It contains no code of the product. Begin with op_test.go; the lists are in core_test.go, dynamic_test.go and logout_test.go.
package conformance

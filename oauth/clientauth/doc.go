// Package clientauth lets clients prove who they are at the token, introspection and revocation endpoints (RFC 6749 section
// 2.3): none, client_secret_basic, client_secret_post, private_key_jwt (RFC 7523 section 3), tls_client_auth and
// self_signed_tls_client_auth (RFC 8705 section 2), exactly the registered one.
//
// An unknown client and a wrong credential get the same answer after the same work. Failures are slowed down in this process
// (docs/decisions/0006). Begin with Authenticator.
package clientauth

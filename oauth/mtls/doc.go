// Package mtls reads the certificates that clients show (RFC 8705): from a TLS connection, or from the header of a proxy that ended it.
// It judges none of them; package clientauth does, where a certificate is what proves the client. Begin with Certificate.
package mtls

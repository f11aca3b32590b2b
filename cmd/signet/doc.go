// Command signet is an OAuth 2.1 and OpenID Connect server in one binary, and the operator's tool for it.
//
// It holds words and wiring only: each file is one noun of the command line and calls the same services that the server's
// pages call (see package server). Begin with run in main.go, then serve.go.
package main

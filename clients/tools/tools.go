// Package tools has the scopes of the tools that Signet serves to administrators' MCP clients. A client has them by an administrator's word
// (admin_tools of its registration) and by no other: neither by what it registers, nor with a grant in which no person is asked.
package tools

// The scopes.
const (
	Read  = "signet:mcp:read"
	Write = "signet:mcp:write"
)

// Is reports whether a scope is one of them.
func Is(scope string) bool { return scope == Read || scope == Write }

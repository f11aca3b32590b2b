package config

// Admin is how administrators reach the server beside the command line.
type Admin struct {
	API     string `yaml:"api"`     // the JSON API at /api/admin/v1: public, internal (at server.internal_listen alone) or off
	Console bool   `yaml:"console"` // the pages at /admin
	// Tools at /api/admin/mcp, for MCP clients that an administrator allows them: off, read or write
	MCP string `yaml:"mcp"`
	// What one credential may send to the API of one process, ten seconds' worth of it at once; 0: no bound
	RequestsPerSecond int `yaml:"requests_per_second"`
	WritesPerSecond   int `yaml:"writes_per_second"`
}

// Where the API of administrators is.
const (
	APIPublic   = "public"
	APIInternal = "internal"
	APIOff      = "off"
)

// HasAPI reports whether there is one. true and false are what older configurations say.
func (a Admin) HasAPI() bool { return a.API == APIPublic || a.API == APIInternal || a.API == "true" }

// What tools administrators' MCP clients may be allowed.
const (
	ToolsOff   = "off"
	ToolsRead  = "read"
	ToolsWrite = "write" // they may propose acts
)

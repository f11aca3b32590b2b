package config

// Admin is how administrators reach the server beside the command line.
type Admin struct {
	API     bool `yaml:"api"`     // the JSON API at /api/admin/v1
	Console bool `yaml:"console"` // the pages at /admin
	// Tools at /api/admin/mcp, for MCP clients that an administrator allows them: off, read or write
	MCP string `yaml:"mcp"`
	// What one credential may send to the API of one process, ten seconds' worth of it at once; 0: no bound
	RequestsPerSecond int `yaml:"requests_per_second"`
	WritesPerSecond   int `yaml:"writes_per_second"`
}

// What tools administrators' MCP clients may be allowed.
const (
	ToolsOff   = "off"
	ToolsRead  = "read"
	ToolsWrite = "write" // they may propose acts
)

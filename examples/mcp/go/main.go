// Command mcp is an MCP server that takes Signet's tokens by the kit. Reading notes needs notes:read, adding one notes:write: clients ask
// for it when somebody uses the tool.
//
// Environment: ISSUER (http://localhost:9400), RESOURCE (http://localhost:9442/mcp: its identifier as registered), LISTEN (localhost:9442).
package main

import (
	"cmp"
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	kit "signet/kit/go"
	kitmcp "signet/kit/go/mcp"
)

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:9442")
	handler, err := routes(cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400"), cmp.Or(os.Getenv("RESOURCE"), "http://localhost:9442/mcp"))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("http://%s/mcp", listen)
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func routes(issuer, resource string) (http.Handler, error) {
	api, err := kit.New(issuer, resource, kit.Options{
		Logger:   slog.Default(),
		Document: kit.Document{Name: "Notes", Scopes: []string{"notes:read"}},
	})
	if err != nil {
		return nil, err
	}
	tools := kitmcp.Tools{"add_note": {"notes:write"}}
	server := mcp.NewServer(&mcp.Implementation{Name: "notes", Version: "1"}, nil)
	server.AddReceivingMiddleware(tools.Check)
	n := &notes{of: map[string][]string{}}
	mcp.AddTool(server, &mcp.Tool{Name: "list_notes", Description: "Lists your notes."}, n.list)
	mcp.AddTool(server, &mcp.Tool{Name: "add_note", Description: "Adds a note."}, n.add)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	mux := http.NewServeMux()
	mux.Handle("/mcp", tools.Require(api, kit.Scopes("notes:read"))(handler))
	api.Mount(mux)
	return mux, nil
}

// notes are in memory, by person.
type notes struct {
	mu sync.Mutex
	of map[string][]string
}

type nothing struct{}

type note struct {
	Text string `json:"text" jsonschema:"what to keep"`
}

func (n *notes) list(_ context.Context, req *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
	token, _ := kitmcp.From(req.Extra)
	n.mu.Lock()
	defer n.mu.Unlock()
	return said(strings.Join(n.of[token.Subject], "\n")), nil, nil
}

func (n *notes) add(_ context.Context, req *mcp.CallToolRequest, in note) (*mcp.CallToolResult, any, error) {
	token, _ := kitmcp.From(req.Extra)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[token.Subject] = append(n.of[token.Subject], in.Text)
	return said("Kept."), nil, nil
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

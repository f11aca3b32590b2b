package archtest

// module is the module's path.
const module = "signet"

// Limits of size, in lines.
const (
	longestFunction = 90
	longestFile     = 500
)

// levels: arrows go down, or stay within the same first directory. Paths are relative to the module.
var levels = []struct {
	dir   string
	level int
}{
	{"internal/loopback", 1}, // config judges by it as well
	{"internal/regular", 1},  // … and reads by it
	{"internal/yamlslip", 1}, // … and says what is no YAML
	{"internal/freeport", 1}, // for tests, those of storage as well
	{"internal/earlier", 1},  // likewise
	{"internal/owner", 1},    // storage makes files by it
	{"kit", 1},               // a module of its own, for APIs
	{"cmd", 8}, {"server", 7}, {"admin", 6}, {"oauth", 5}, {"users", 4}, {"clients", 4}, {"audit", 3}, {"internal", 3}, {"storage", 2},
	{"templates", 2}, {"config", 2},
}

// drivers are programs and tests that drive the whole program from outside; the levels do not bind them.
var drivers = []string{"internal/loadbench", "internal/campaign", "internal/blackbox", "internal/archtest", "examples"}

// handlerPackages of the server, for laws that bind them and not the wiring.
var handlerPackages = []string{"server/web", "server/pages", "server/browser", "server/login", "server/authorize", "server/signin",
	"server/mfa", "server/signup",
	"server/upstream", "server/recovery", "server/terms", "server/passkeyoffer", "server/consent", "server/token", "server/userinfo",
	"server/discovery", "server/logout", "server/account", "server/health", "server/demo", "server/adminapi", "server/console",
	"server/firstrun", "server/problems"}

// importLaws forbid imports. A package is bound if it lies at or under one of who (all packages if empty) and not under one
// of except; what matches the path itself and everything under it.
var importLaws = []struct {
	who, except, what []string
	reason            string
}{
	{who: []string{"users"}, what: []string{"signet/oauth"}, reason: "people and protocol never import each other; they meet in server"},
	{who: []string{"oauth"}, what: []string{"signet/users"}, reason: "people and protocol never import each other; they meet in server"},
	{who: []string{"clients"}, what: []string{"signet/users", "signet/oauth"}, reason: "applications know neither people nor protocol"},
	{who: []string{"users"}, what: []string{"signet/clients"}, reason: "people know no applications; server brings them together"},
	{except: []string{"cmd", "server"}, what: []string{"signet/config"},
		reason: "packages take their own Options; only cmd and the server's wiring know the configuration"},
	{who: handlerPackages, except: []string{"server/upstream/upstreamtest"}, what: []string{"signet/config"},
		reason: "handlers take their own Options"},
	{except: []string{"oauth", "server/authorize", "server/token", "server/userinfo"}, what: []string{"github.com/ory/fosite"},
		reason: "fosite stays behind its seam, so that it can be replaced"},
	{except: []string{"storage"}, what: []string{"gorm.io", "github.com/glebarez", "modernc.org/sqlite", "github.com/jackc/pgx"},
		reason: "storage is the only package that knows the database's drivers"},
	{except: drivers, what: []string{"math/rand", "math/rand/v2"}, reason: "randomness comes from crypto/rand"},
	{except: append(drivers, "kit"), what: []string{"signet/kit"}, reason: "the kit is for APIs; the server verifies its tokens by itself"},
	{who: []string{"kit"}, what: []string{"github.com/coreos", "golang.org/x", "github.com/ory"},
		reason: "an API pulls in the standard library and go-jose, nothing else"},
	{what: []string{"text/template"}, reason: "HTML is made by html/template, which escapes"},
	{what: []string{"github.com/sirupsen/logrus", "go.uber.org/zap"}, reason: "the log is log/slog"},
	{except: []string{"cmd", "server", "admin"}, what: []string{"signet/admin"},
		reason: "acts of administrators are called by their faces only"},
	{who: []string{"storage", "config", "templates", "users", "clients", "audit", "internal", "oauth", "admin"}, except: drivers,
		what: []string{"github.com/spf13/cobra"}, reason: "commands are words around services; they live in cmd"},
}

// importExceptions are files that may break one import law, with the reason.
var importExceptions = map[[2]string]string{
	{"server/pages/email.go", "text/template"}:      "the plain part of an email is no HTML",
	{"storage/postgres.go", "math/rand/v2"}:         "how long a retry waits is no secret",
	{"clients/snippet/snippet.go", "text/template"}: "it makes source code to paste, not HTML",
}

// wholeServer are packages of server that wire the pages together, or help their tests, and so may import all of them.
var wholeServer = []string{"server", "server/servertest", "server/login/logintest", "server/upstream/upstreamtest"}

// sharedPackages may be imported by every handler package.
var sharedPackages = []string{"server/web", "server/web/problem", "server/pages", "server/pages/acting", "server/browser",
	"server/login", "server/approval"}

// httpPackages may use net/http's server types.
var httpPackages = []string{"server", "cmd", "oauth/clientauth", "oauth/request", "oauth/dpop", "kit"}

// httpFiles may too, for a reason of their own.
var httpFiles = map[string]string{
	"internal/backup/s3.go":                       "it signs requests of its own",
	"oauth/provider.go":                           "fosite's signatures ask for a request",
	"internal/telemetry/metrics.go":               "Prometheus's own handler is handed on",
	"internal/egress/http.go":                     "a RoundTripper is given a request",
	"users/federation/provider/token_response.go": "a RoundTripper is given a request",
}

// serverTypes are the names of net/http that only a server needs.
var serverTypes = []string{"ResponseWriter", "Request", "Handler", "HandlerFunc", "ServeMux", "Server", "Cookie", "SetCookie"}

// forbidden names, wherever they are used outside tests.
var forbidden = []struct{ pkg, name, reason string }{
	{"net/http", "DefaultClient", "it has no timeout; make one, or take the guarded one"},
	{"net/http", "Get", "it uses the default client, which has no timeout"},
	{"net/http", "Head", "it uses the default client, which has no timeout"},
	{"net/http", "Post", "it uses the default client, which has no timeout"},
	{"net/http", "PostForm", "it uses the default client, which has no timeout"},
	{"net/http", "DefaultServeMux", "any imported package can add routes to it (pprof does)"},
	{"net/http", "Handle", "it adds to the default mux"},
	{"net/http", "HandleFunc", "it adds to the default mux"},
	{"github.com/ory/fosite/compose", "ComposeAllEnabled", "handlers are named one by one; nothing is on that nobody asked for"},
}

// forbiddenMethods, wherever a method of the name is called outside tests.
var forbiddenMethods = map[string]string{
	"AutoMigrate": "the schema changes by numbered migrations only",
}

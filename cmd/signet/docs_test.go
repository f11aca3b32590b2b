package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/config"
)

// documents are those whose blocks are tried, from the root of the module.
var documents = []string{"README.md", "examples/README.md", "docs/operations.md", "docs/federation.md", "docs/scopes.md",
	"docs/benchmarks.md", "docs/token-exchange.md", "docs/rich-authorization.md", "docs/jwt-bearer.md",
	"docs/configuration-as-code.md", "docs/dpop.md", "docs/device.md", "docs/ciba.md", "docs/apps.md", "docs/workload-identity.md",
	"docs/agents.md", "docs/mcp.md", "docs/mcp-admin.md", "docs/par.md", "docs/fapi.md", "docs/requests.md", "docs/claims-map.md",
	"docs/administration.md", "docs/audit.md", "docs/resource-servers.md"}

// served are those that go on where README.md ends: with a server that runs.
var served = []string{"docs/dpop.md", "docs/device.md", "docs/ciba.md", "docs/workload-identity.md", "docs/par.md", "docs/fapi.md",
	"docs/administration.md", "docs/audit.md"}

// granted are those in which every request that is shown is answered as it should be: curl fails otherwise.
var granted = []string{"docs/administration.md", "docs/audit.md"}

// block is a fenced block of a document. why is why it is not run: the comment "not run by the tests" before it.
type block struct{ language, text, why string }

var fence = regexp.MustCompile("(?s)(?:<!-- not run by the tests: ([^\n]+) -->\n)?```(\\w+)\n(.*?)\n```")

func blocksOf(t *testing.T, document string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), document))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, found := range fence.FindAllStringSubmatch(string(text), -1) {
		all = append(all, block{found[2], found[3], found[1]})
	}
	return all
}

// began is the folder of this package, where go test begins; tests go elsewhere.
var began, errBegan = os.Getwd()

func root(t *testing.T) string {
	t.Helper()
	if errBegan != nil {
		t.Fatal(errBegan)
	}
	return filepath.Join(began, "..", "..")
}

// TestDocuments runs what the documents tell people to type, block by block and line by line, in an empty folder for each document.
func TestDocuments(t *testing.T) {
	manyCommands(t)
	for _, document := range documents {
		t.Run(strings.NewReplacer("/", "-", ".md", "").Replace(document), func(t *testing.T) {
			blocks := blocksOf(t, document)
			if len(blocks) == 0 {
				t.Fatal("no blocks")
			}
			var at *shell
			for _, b := range blocks {
				switch {
				case b.why != "":
					t.Logf("not run (%s): %s", b.why, b.text)
				case b.language == "json":
					if !json.Valid([]byte(b.text)) {
						t.Errorf("no JSON:\n%s", b.text)
					}
				case b.language == "yaml":
					checkYAML(t, b.text)
				case b.language == "sh":
					if at == nil {
						at = newShell(t)
						if slices.Contains(granted, document) {
							at.strict(t)
						}
						if slices.Contains(served, document) {
							at.run(t, "go run ./cmd/signet serve")
						}
					}
					at.run(t, b.text)
				default:
					t.Errorf("a block in %q is neither run nor says why not:\n%s", b.language, b.text)
				}
			}
		})
	}
}

// TestTutorialIsAnExample: the program of the tutorial is compiled as examples/firstapp.
func TestTutorialIsAnExample(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(filepath.Join(root(t), "examples", "firstapp", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(program, []byte("package main"))
	if !slices.ContainsFunc(blocksOf(t, "docs/tutorial.md"), func(b block) bool {
		return b.language == "go" && b.text == "package main"+strings.TrimSuffix(string(body), "\n")
	}) {
		t.Error("docs/tutorial.md does not print examples/firstapp/main.go")
	}
}

// TestExamplesOfMCP: what docs/mcp.md says that servers of the SDKs need is in the examples, which are compiled and have tests.
func TestExamplesOfMCP(t *testing.T) {
	t.Parallel()
	for language, example := range map[string]string{"go": "go/main.go", "ts": "ts/server.ts"} {
		program, err := os.ReadFile(filepath.Join(root(t), "examples", "mcp", filepath.FromSlash(example)))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, b := range blocksOf(t, "docs/mcp.md") {
			if b.language != language {
				continue
			}
			for line := range strings.Lines(b.text) {
				n++
				if !strings.Contains(string(program), strings.TrimSpace(line)) {
					t.Errorf("examples/mcp/%s lacks %q", example, line)
				}
			}
		}
		if n == 0 {
			t.Errorf("no lines in %s", language)
		}
	}
}

// checkYAML: the block is a part of config.yaml that is in order. Whatever files it names are there.
func checkYAML(t *testing.T, text string) {
	t.Helper()
	if strings.HasPrefix(text, "  - ") { // entries of a list that an earlier block begins
		text = "upstreams:\n" + text
	}
	read := func(name string) ([]byte, error) {
		if name == "config.yaml" {
			return []byte(text), nil
		}
		return []byte("what-is-in-a-file-of-32-symbols-"), nil
	}
	if _, err := config.Load(
		config.Sources{File: "config.yaml", ReadFile: read, Environ: []string{"SIGNET_MAIL_SMTP_PASSWORD_FILE=/run/secrets/smtp"}}); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// shell is a terminal in an empty folder, with a person and the server's addresses of its own.
type shell struct {
	dir, listen, app string
	env              []string
	secret, key      string // the first client secret and API key that were printed
}

// goCommand stands for go in the documents' lines: it runs this binary, and examples that are built once.
const goCommand = `#!/bin/sh
test "$1" = run || exit 1
package=$2
shift 2
case $package in
./cmd/signet) exec signet "$@" ;;
./examples/*) exec "$EXAMPLES/${package#./examples/}" "$@" ;;
esac
exit 1
`

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{dir: t.TempDir(), listen: freeAddress(t), app: freeAddress(t)}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(goCommand), 0o700); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(s.listen)
	s.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "EXAMPLES="+bin, "ISSUER=http://localhost:"+port, "LISTEN="+s.app,
		"SIGNET_SERVER_LISTEN="+s.listen, "SIGNET_SERVER_INTERNAL_LISTEN="+freeAddress(t))
	s.line(t, "signet migrate up")
	s.line(t, `echo correct horse battery staple | signet user create --email ada@example.com --email-verified --password-file -`)
	return s
}

// run does the lines of a block. What goes on until it is stopped (a server) goes on while the document is tried.
func (s *shell) run(t *testing.T, text string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.listen)
	for _, line := range commandsOf(text) {
		line = strings.ReplaceAll(line, "localhost:9400", "localhost:"+port)
		line = strings.NewReplacer(":SECRET ", ":"+s.secret+" ", "CLIENT_SECRET=… ", "CLIENT_SECRET="+s.secret+" ",
			"sgnk_…", s.key).Replace(line)
		name, example := exampleOf(line)
		switch {
		case example:
			build := exec.Command("go", "build", "-o", filepath.Join(s.value("EXAMPLES"), name), "signet/examples/"+name)
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath") // as releases, and so one build of what they share
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build %s: %v\n%s", name, err, out)
			}
			if name == "workload" { // which ends by itself
				s.line(t, line)
				continue
			}
			s.start(t, line, "http://"+s.app+"/")
		case strings.HasSuffix(line, " serve"):
			s.start(t, line, "http://"+s.listen+"/readyz")
		default:
			s.line(t, line)
		}
	}
}

// commandsOf are the lines of a block, those that go on together: after a backslash or a pipe, and within quotes.
func commandsOf(text string) (all []string) {
	var open string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if open == "" && (line == "" || strings.HasPrefix(line, "#")) {
			continue
		}
		open += line
		if strings.HasSuffix(line, `\`) || strings.HasSuffix(line, "|") || strings.Count(open, "'")%2 == 1 {
			open += "\n"
			continue
		}
		all, open = append(all, open), ""
	}
	return all
}

// strict has curl fail where a request is refused.
func (s *shell) strict(t *testing.T) {
	t.Helper()
	real, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nexec " + real + " --fail-with-body \"$@\"\n"
	if err := os.WriteFile(filepath.Join(s.value("EXAMPLES"), "curl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
}

func exampleOf(line string) (string, bool) {
	_, name, found := strings.Cut(line, "go run ./examples/")
	return name, found
}

func (s *shell) value(name string) string {
	i := slices.IndexFunc(s.env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	return strings.TrimPrefix(s.env[i], name+"=")
}

func (s *shell) command(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "sh", "-ec", line)
	c.Dir, c.Env = s.dir, s.env
	return c
}

var printedSecret = regexp.MustCompile(`(?:"client_secret": ?"|client_secret +|secret +)(sgn_[\w-]+)`)

var printedKey = regexp.MustCompile(`sgnk_[a-z2-7]{16}_[A-Za-z0-9_-]{43}`)

// line runs one to its end. A token that it asks for has to come.
func (s *shell) line(t *testing.T, line string) {
	t.Helper()
	// What it sets, the lines after it know.
	kept := filepath.Join(s.value("EXAMPLES"), "variables")
	out, err := s.command(t.Context(), "set -a; [ ! -e "+kept+" ] || . "+kept+"\n"+line+"\nexport -p >"+kept).CombinedOutput()
	if err != nil {
		t.Fatalf("$ %s\n%s%v", line, out, err)
	}
	waits := bytes.Contains(out, []byte(`"authorization_pending"`)) // for a person: that is an answer, too
	asks := strings.HasPrefix(line, "curl ") && strings.Contains(line, "/oauth2/token")
	if asks && !waits && !bytes.Contains(out, []byte(`"access_token"`)) {
		t.Errorf("$ %s\n%s", line, out)
	}
	if found := printedSecret.FindSubmatch(out); found != nil && s.secret == "" {
		s.secret = string(found[1])
	}
	if s.key == "" {
		s.key = printedKey.FindString(string(out))
	}
}

// start runs a line until the test ends, and waits for its address to answer.
func (s *shell) start(t *testing.T, line, address string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var out bytes.Buffer
	c := s.command(ctx, "exec "+regexp.MustCompile(`^((?:\w+=\S+ )*)`).ReplaceAllString(line, "env $1"))
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = c.Wait()
	})
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get(address); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
	}
	stop()
	_ = c.Wait()
	t.Fatalf("$ %s\nnothing answers at %s\n%s", line, address, out.String())
}

// TestDocumentsSayHowToMakeTheBinary: before a document calls signet by its bare name it says how to build it, or that README does.
func TestDocumentsSayHowToMakeTheBinary(t *testing.T) {
	bare := regexp.MustCompile("(?m)`signet [a-z]|^signet [a-z]|\\| signet [a-z]")
	for _, document := range []string{"README.md", "docs/operations.md", "docs/federation.md", "docs/resources.md"} {
		text, err := os.ReadFile(filepath.Join(root(t), document))
		if err != nil {
			t.Fatal(err)
		}
		first := bare.FindIndex(text)
		if build := bytes.Index(text, []byte("go build -o signet ./cmd/signet")); first != nil &&
			(build < 0 || build > first[0] && document != "docs/resources.md") {
			t.Errorf("%s calls signet by its bare name before it says how to build it", document)
		}
	}
}

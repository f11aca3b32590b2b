package signettest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTime is how long the program may take until it answers, on a machine that is busy.
const startTime = 2 * time.Minute

// Server is one that runs until the test ends.
type Server struct {
	// Issuer is its address, http://localhost with a port, and the iss of its tokens.
	Issuer string

	authorize, token string // endpoints, as discovery has them
}

// Start runs a server with a seed, which is YAML with users, clients, resources, tokens and what else the configuration has; "" is two
// people and a client named app. The program is the one that SIGNET_BINARY names, or signet of PATH, or it is built of the checkout that
// this module comes from.
func Start(t testing.TB, seed string) *Server {
	t.Helper()
	binary, err := find()
	if err != nil {
		t.Fatal("signettest: ", err)
	}
	args := []string{"dev", "--json", "--until-stdin-closes", "--listen", "127.0.0.1:0"}
	if seed != "" {
		file := filepath.Join(t.TempDir(), "seed.yaml")
		if err := os.WriteFile(file, []byte(seed), 0o600); err != nil {
			t.Fatal("signettest: ", err)
		}
		args = append(args, "--seed", file)
	}
	s, stop, err := run(exec.Command(binary, args...), t.Output())
	if err != nil {
		t.Fatalf("signettest: %s: %v", binary, err)
	}
	t.Cleanup(stop)
	if err := s.discover(); err != nil {
		t.Fatal("signettest: ", err)
	}
	return s
}

// run starts the program and reads the line that says where it is. It ends with its standard input, even if the test is killed.
func run(cmd *exec.Cmd, log io.Writer) (*Server, func(), error) {
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	late := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	stop := sync.OnceFunc(func() {
		late.Stop()
		_ = in.Close()
		ended := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
		defer ended.Stop()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	late.Stop()
	s := &Server{}
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("it did not start (%w); the output of the test says why", err)
	}
	return s, stop, nil
}

// find is the program; it is looked for, or built, once.
var find = sync.OnceValues(func() (string, error) {
	if named := os.Getenv("SIGNET_BINARY"); named != "" {
		return named, nil
	}
	if found, err := exec.LookPath("signet"); err == nil {
		return found, nil
	}
	made, err := build(os.Stderr) // what a test logs is seen when it is over
	if err != nil {
		return "", fmt.Errorf("no program: set SIGNET_BINARY, or put signet into PATH, or use a checkout of it: %w", err)
	}
	return made, nil
})

// build makes the program of the checkout that this module is part of. It says so first: the first time it compiles for minutes.
func build(say io.Writer) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "signet/kit/go").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", told(err))
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "..", "..")
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "signettest")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "signet")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	fresh := fmt.Sprintf("%s.%d", binary, os.Getpid())
	_, _ = fmt.Fprintf(say, "signettest: building signet in %s (minutes the first time; SIGNET_BINARY names one that is built)\n", root)
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", fresh, "./cmd/signet")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build in %s: %w: %s", root, err, out)
	}
	return binary, os.Rename(fresh, binary) // other tests may be running the one before
}

// told adds what a command wrote.
func told(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}

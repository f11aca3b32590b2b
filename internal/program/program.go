// Package program asks a program of the operator for a secret: the password of the database, the master key. So any vault or
// cloud has its own client do what it can do best, and none of them is linked in.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// Timeout bounds one run.
	Timeout = 10 * time.Second
	// fresh is how long an answer serves others: a pool that opens all of its connections asks once.
	fresh = 5 * time.Second
	// failed is how long a failure does.
	failed = time.Second
	// limit is how many bytes are read of what a program writes.
	limit = 64 << 10
	// shown is how many bytes of its complaints go into an error.
	shown = 300
)

const byHand = "; run it by hand, as the account of the server: it must print the secret, ask nothing, and end"

// ErrFailed is of every error here.
var ErrFailed = errors.New("the program failed")

// Secret runs line, a program and its arguments parted by spaces, and returns what it writes to its standard output, without the white
// space around it. environ is what it finds in its environment, but for what begins with SIGNET_. Errors hold what it wrote to its
// standard error, and nothing of its standard output.
func Secret(ctx context.Context, line string, environ []string) (string, error) {
	args := strings.Fields(line)
	if len(args) == 0 {
		return "", fmt.Errorf("%w: it is empty", ErrFailed)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	var out, complaints capped
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = outsiders(environ)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	cmd.WaitDelay = time.Second // what it started may hold its output open
	err := cmd.Run()
	secret := strings.TrimSpace(out.kept.String())
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%w: %s did not end within %s%s: %w", ErrFailed, args[0], Timeout, byHand, ctx.Err())
	case out.cut:
		return "", fmt.Errorf("%w: %s wrote more than %d KB", ErrFailed, args[0], limit>>10)
	case cmd.Process == nil:
		return "", fmt.Errorf("%w: it does not start; name one that is there and that this account may run, with its whole path: %w",
			ErrFailed, err)
	case err != nil:
		return "", fmt.Errorf("%w: %s: %w%s", ErrFailed, args[0], err, complaints.said())
	case secret == "":
		return "", fmt.Errorf("%w: %s wrote nothing to its standard output%s%s", ErrFailed, args[0], byHand, complaints.said())
	}
	return secret, nil
}

// outsiders are the variables that are not Signet's own: the program needs no secrets of Signet.
func outsiders(environ []string) []string {
	others := make([]string, 0, len(environ)) // not nil, which is the environment of this process
	for _, pair := range environ {
		if !strings.HasPrefix(pair, "SIGNET_") {
			others = append(others, pair)
		}
	}
	return others
}

// capped keeps the first bytes and takes all.
type capped struct {
	kept bytes.Buffer
	cut  bool
}

// Write implements io.Writer.
func (c *capped) Write(p []byte) (int, error) {
	left := min(limit-c.kept.Len(), len(p))
	c.cut = c.cut || left < len(p)
	c.kept.Write(p[:left])
	return len(p), nil
}

// said is what a program complained of, on one line.
func (c *capped) said() string {
	text := strings.ToValidUTF8(strings.Join(strings.Fields(c.kept.String()), " "), "")
	if text == "" {
		return ""
	}
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "…"
	}
	return ": it said: " + text
}

// Source is a program that is asked again and again.
type Source struct {
	line    string
	environ []string

	mu     sync.Mutex
	runs   chan struct{} // closed when the program that runs has ended; nil = none does
	secret string
	err    error
	until  time.Time // the answer serves others
}

// NewSource runs nothing yet. See Secret for line and environ.
func NewSource(line string, environ []string) *Source {
	return &Source{line: line, environ: environ}
}

// Secret is what the program writes now, or wrote in the last five seconds. It runs once at a time, however many ask, and nobody waits for
// it longer than ctx allows: whoever asks next finds what it wrote meanwhile.
func (s *Source) Secret(ctx context.Context) (string, error) {
	for {
		secret, ended, err := s.look()
		if ended == nil {
			return secret, err
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return "", fmt.Errorf("%w: it runs, and has written nothing yet: %w", ErrFailed, ctx.Err())
		}
	}
}

// look gives an answer that serves others, or has the program run; ended, nil where there is an answer, is closed when it has ended.
func (s *Source) look() (secret string, ended <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		return s.secret, nil, s.err
	}
	if s.runs == nil {
		s.runs = make(chan struct{})
		go s.run()
	}
	return "", s.runs, nil
}

// run asks the program. Who waits may go away: the others want the answer all the same, and Secret has a bound of its own.
func (s *Source) run() {
	secret, err := Secret(context.Background(), s.line, s.environ)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret, s.err, s.until = secret, err, time.Now().Add(fresh)
	if err != nil {
		s.until = time.Now().Add(failed)
	}
	close(s.runs)
	s.runs = nil
}

// Address is the address of a Postgres, with the password that line prints now; without a line it stays as it is.
func Address(ctx context.Context, dsn, line string) (string, error) {
	if line == "" || !strings.HasPrefix(dsn, "postgres") {
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("%w: the address takes no password", ErrFailed) // url's error quotes it
	}
	password, err := Secret(ctx, line, os.Environ())
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

// Package earlier builds the releases that have to run beside the present one, and on its schema, from this repository's history. It is
// for tests and campaigns.
package earlier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// First is the first release that a newer schema does not stop, Previous the one before this.
const (
	First    = "v0.1.0"
	Previous = "28 November 2026"
)

// commits of the releases, because a clone may come without tags.
var commits = map[string]string{
	First:    "65bbbc7f705456aae14f7dcdc7cb6385542ded30",
	Previous: "6a311d1325b798c599ea0fee2961ab846c4d9db8",
}

// ErrNoHistory: the commit is not here, as in a clone of the newest commits alone, or there is no repository.
var ErrNoHistory = errors.New("the history of this repository is needed to build an earlier release (git fetch --unshallow)")

// Names of all of them.
func Names() []string { return []string{First, Previous} }

// Build makes the binary of a release in dir, which is empty, and returns its path.
func Build(ctx context.Context, release, dir string) (string, error) {
	commit := commits[release]
	top, err := exec.CommandContext(ctx, "git", "rev-parse", "--show-toplevel").Output()
	if err == nil {
		err = exec.CommandContext(ctx, "git", "cat-file", "-e", commit+"^{commit}").Run()
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s, %s: %w", ErrNoHistory, release, commit, err)
	}
	archive := exec.CommandContext(ctx, "git", "-C", strings.TrimSpace(string(top)), "archive", commit)
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", dir)
	var unsaid, unread bytes.Buffer
	archive.Stderr, unpack.Stderr = &unsaid, &unread
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		return "", err
	}
	if err := errors.Join(unpack.Start(), archive.Run(), unpack.Wait()); err != nil {
		return "", fmt.Errorf("unpack %s: %w\n%s%s", release, err, &unsaid, &unread)
	}
	bin := filepath.Join(dir, "signet-of-then")
	build := exec.CommandContext(ctx, "go", "build", "-C", dir, "-trimpath", "-o", bin, "./cmd/signet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", release, err, out)
	}
	return bin, nil
}

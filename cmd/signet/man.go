//go:build man

package main

import (
	"fmt"
	"os"

	"signet/cmd/signet/manpage"
	"signet/internal/release"
)

// main writes the pages for man(1) into a folder: go run -tags man ./cmd/signet DIR (see deploy/build.sh).
func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -tags man ./cmd/signet DIR")
		os.Exit(exitUsage)
	}
	if err := manpage.Write((&app{}).root(), os.Args[1], release.Version()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
}

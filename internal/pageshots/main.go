// Command pageshots makes a picture of every page and email of the samples, at a phone's, a tablet's and a computer's width, in light and
// dark, for people to look at before a release:
//
//	go run ./internal/pageshots -out /tmp/pages
//
// With -docs it makes the pictures of docs/images, from the few pages that they show.
//
// It needs Chromium, and runs in a checkout: the samples are those of the tests of server/pages.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

func main() {
	var o options
	flag.StringVar(&o.out, "out", "", "folder to write the pictures to, with an index.html that shows them side by side (required)")
	flag.StringVar(&o.languages, "lang", "en", "languages, with commas")
	flag.StringVar(&o.only, "only", "", "a regular expression of names of pages (default all)")
	flag.BoolVar(&o.docs, "docs", false, "make the pictures of docs/images")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pageshots:", err)
		os.Exit(1)
	}
}

type options struct {
	out, languages, only string
	docs                 bool
}

// run has the test make the pictures: it has the samples and serves them with the headers that they really have.
func (o options) run(ctx context.Context) error {
	if o.out == "" {
		return fmt.Errorf("say where the pictures go: -out FOLDER")
	}
	if o.docs {
		o.languages, o.only = "en", docsPages()
	}
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "./server/pages", "-count=1", "-timeout=1h", "-run=^TestPageShots$",
		"-shots="+out, "-shot-languages="+o.languages, "-shot-only="+o.only, fmt.Sprintf("-shot-screen=%t", o.docs))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "CI=true") // no Chromium is an error
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make pictures: %w", err)
	}
	if o.docs {
		return writeDocs(out, filepath.Join("docs", "images"))
	}
	fmt.Println("look at", filepath.Join(out, "index.html"))
	return nil
}

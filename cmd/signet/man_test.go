package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"signet/cmd/signet/manpage"
)

// TestEachCommandHasAManualPage: the same bytes each time, with its words and flags, and without anything that man(1) would complain of.
func TestEachCommandHasAManualPage(t *testing.T) {
	t.Parallel()
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if err := manpage.Write((&app{}).root(), dir, "1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	pages := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		pages++
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		text, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(filepath.Join(two, name)); err != nil || !bytes.Equal(text, again) {
			t.Errorf("%s: not the same a second time (%v)", name, err)
		}
		lookAtPage(t, c, name, string(text))
		for _, sub := range c.Commands() {
			if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk((&app{}).root())
	files, err := os.ReadDir(one)
	if err != nil || len(files) != pages || pages < 80 {
		t.Errorf("%d pages for %d commands, %v", len(files), pages, err)
	}
	readByMan(t, one)
}

// request is a line that roff reads as one: only those of man(7) that are meant.
var (
	request = regexp.MustCompile(`(?m)^[.'].*$`)
	meant   = regexp.MustCompile(`^\.(TH ".*"|SH [A-Z ]+|B .+|BR \S+ \(1\),?|TP|PP|RS 4|RE|nf|fi|nh|ad l)$`)
	escapes = regexp.MustCompile(`\\[^e\-&f:]|\\f[^BIR]`)
	dated   = regexp.MustCompile(`20\d\d-\d\d-\d\d|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec`)
)

func lookAtPage(t *testing.T, c *cobra.Command, name, text string) {
	t.Helper()
	for _, line := range request.FindAllString(text, -1) {
		if !meant.MatchString(line) {
			t.Errorf("%s: %q is read as a request", name, line)
		}
	}
	if wrong := escapes.FindString(text); wrong != "" {
		t.Errorf("%s: escape %q", name, wrong)
	}
	head, _, _ := strings.Cut(text, "\n")
	title := strings.ToUpper(strings.ReplaceAll(strings.TrimSuffix(name, ".1"), "-", `\-`))
	if want := `.TH "` + title + `" "1" "" "Signet 1.2.3" "Signet"`; head != want || dated.MatchString(head) {
		t.Errorf("%s: got %s, want %s", name, head, want)
	}
	c.InitDefaultHelpFlag()
	for _, word := range append(flagsOf(c), ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXIT STATUS", ".SH SEE ALSO") {
		if !strings.Contains(text, word) {
			t.Errorf("%s: no %q", name, word)
		}
	}
}

// flagsOf are a command's flags as its page has them.
func flagsOf(c *cobra.Command) (list []string) {
	for line := range strings.Lines(c.NonInheritedFlags().FlagUsages()) {
		if m := regexp.MustCompile(`--([a-z-]+)`).FindStringSubmatch(line); m != nil && m[1] != "help" {
			list = append(list, `\fB\-\-`+strings.ReplaceAll(m[1], "-", `\-`)+`\fR`)
		}
	}
	return list
}

// readByMan has the program that people use read all pages, where it is there, and say what it does not understand.
func readByMan(t *testing.T, dir string) {
	t.Helper()
	var args []string
	switch {
	case found("mandoc"):
		args = []string{"mandoc", "-T", "lint", "-W", "warning,stop"}
	case found("groff"):
		args = []string{"groff", "-man", "-ww", "-K", "utf8", "-T", "utf8", "-z"}
	default:
		t.Log("neither mandoc nor groff is there: the pages were read by nobody")
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		out, err := exec.Command(args[0], append(args[1:], file)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v %s", filepath.Base(file), err, out)
		}
	}
}

func found(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

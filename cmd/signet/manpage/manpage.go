// Package manpage writes a tree of commands as pages for man(1): one for each command that people may type, the same bytes each time.
//
// It is for packaging and tests; the server does not link it. Begin with Write.
package manpage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Write writes a page for a command and for each beneath it into a folder, which it makes. release is what the pages say they are of. The
// pages have no date: they would differ from day to day.
func Write(root *cobra.Command, dir, release string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the pages: %w", err)
	}
	return write(root, dir, release)
}

func write(c *cobra.Command, dir, release string) error {
	if err := os.WriteFile(filepath.Join(dir, nameOf(c)+".1"), []byte(Page(c, release)), 0o644); err != nil {
		return fmt.Errorf("write the page of %q: %w", c.CommandPath(), err)
	}
	for _, sub := range shown(c) {
		if err := write(sub, dir, release); err != nil {
			return err
		}
	}
	return nil
}

// Page is the page of one command, in roff with the macros of man(7).
func Page(c *cobra.Command, release string) string {
	var p page
	title := strings.ToUpper(nameOf(c))
	p.macro(`.TH "%s" "1" "" "Signet %s" "Signet"`, escaped(title), escaped(release))
	p.macro(".nh\n.ad l") // long words neither stretch lines nor are parted
	p.macro(".SH NAME")
	p.line(nameOf(c) + " - " + strings.TrimSuffix(c.Short, "."))
	p.macro(".SH SYNOPSIS")
	p.macro(".B %s", escaped(c.UseLine()))
	p.macro(".SH DESCRIPTION")
	long := c.Long
	if long == "" {
		long = strings.TrimSuffix(c.Short, ".") + "."
	}
	p.text(long)
	if subs := shown(c); len(subs) > 0 {
		p.macro(".SH COMMANDS")
		for _, sub := range subs {
			p.macro(".TP")
			p.macro(".B %s", escaped(sub.CommandPath()))
			p.line(strings.TrimSuffix(sub.Short, ".") + ".")
		}
	}
	p.flags("OPTIONS", c.NonInheritedFlags())
	p.flags("OPTIONS OF EVERY COMMAND", c.InheritedFlags())
	if c.Example != "" {
		p.macro(".SH EXAMPLES")
		p.code(strings.Split(strings.Trim(c.Example, "\n"), "\n"))
	}
	p.macro(".SH EXIT STATUS")
	for _, row := range [][2]string{{"0", "It is done."}, {"1", "It failed; standard error says why."}, {"2", "The words were wrong."},
		{"3", "There is something to do first, or there are changes; the command's description says if it ends so."}} {
		p.macro(".TP")
		p.macro(".B %s", row[0])
		p.line(row[1])
	}
	p.macro(".SH SEE ALSO")
	p.see(c)
	return p.String()
}

// nameOf is what the page of a command is called: its words with hyphens between.
func nameOf(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// shown are the commands beneath one that have pages.
func shown(c *cobra.Command) (list []*cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			list = append(list, sub)
		}
	}
	return list
}

type page struct{ strings.Builder }

func (p *page) macro(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// line writes one line of text. Words that may be longer than a line can be parted where one would.
func (p *page) line(text string) {
	words := strings.Split(escaped(text), " ")
	for i, word := range words {
		if len(word) > longWord {
			words[i] = parted.Replace(word)
		}
	}
	p.WriteString(strings.Join(words, " ") + "\n")
}

const longWord = 30

var parted = strings.NewReplacer(",", `,\:`, "|", `|\:`, "=", `=\:`, "/", `/\:`)

// text writes paragraphs. Lines that are indented stay as they are.
func (p *page) text(text string) {
	for i, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.Trim(part, "\n"), "\n")
		if i > 0 {
			p.macro(".PP")
		}
		if strings.HasPrefix(lines[0], " ") || strings.HasPrefix(lines[0], "\t") {
			p.code(lines)
			continue
		}
		for _, line := range lines {
			p.line(strings.TrimSpace(line))
		}
	}
}

func (p *page) code(lines []string) {
	p.macro(".RS 4\n.nf")
	for _, line := range lines {
		p.line(strings.TrimPrefix(strings.ReplaceAll(line, "\t", "    "), "  "))
	}
	p.macro(".fi\n.RE")
}

func (p *page) flags(title string, list *pflag.FlagSet) {
	begun := false
	list.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if !begun {
			p.macro(".SH %s", title)
			begun = true
		}
		arg, usage := pflag.UnquoteUsage(f)
		p.macro(".TP")
		name := `\fB` + escaped("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + escaped("-"+f.Shorthand) + `\fR, ` + name
		}
		if arg != "" {
			name += ` \fI` + escaped(arg) + `\fR`
		}
		p.WriteString(name + "\n")
		if usual := f.DefValue; usual != "" && usual != "false" && usual != "0" && usual != "[]" && usual != "0s" {
			usage += " (default " + usual + ")"
		}
		p.line(usage)
	})
}

// see names the pages above and beside a command.
func (p *page) see(c *cobra.Command) {
	var names []string
	if parent := c.Parent(); parent != nil {
		names = append(names, nameOf(parent))
		if root := c.Root(); root != parent {
			names = append(names, nameOf(root))
		}
	}
	for _, sub := range shown(c) {
		names = append(names, nameOf(sub))
	}
	for i, name := range names {
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		p.macro(".BR %s (1)%s", escaped(name), comma)
	}
}

var roff = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...")

// escaped is a line of text as roff takes it: a dot or an apostrophe at its beginning would be a request.
func escaped(line string) string {
	line = roff.Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}

package archtest

import (
	"flag"
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is generated: the lists of tests in docs/security-requirements.md")

// requirementsPage has the rules, each with the list of the tests that show it.
var requirementsPage = filepath.Join("..", "..", "docs", "security-requirements.md")

var (
	ruleLine = regexp.MustCompile(`^- \*\*([A-V]\d\d)\*\* \S`)
	ruleID   = regexp.MustCompile(`[A-V]\d\d`)
	// cited finds an id in a comment or a text; (C1) or U+200D are none.
	cited = regexp.MustCompile(`(?:^|[\s("` + "`" + `])((?:[A-QS-V]\d|R0)\d)(?:$|[\s)",.:;` + "`" + `])`)
	// inName finds the ids in front of a test's name: TestV01_V02_Something.
	inName = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)((?:[A-V]\d\d_)+)`)
)

const testsLine = "  *Tests:* "

// idsOf lists the ids in a text.
func idsOf(text string) (ids []string) {
	for _, m := range cited.FindAllStringSubmatch(strings.ReplaceAll(text, ", ", " , "), -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// shown lists for each rule the tests that show it: by their name, by the comment on them, or by the name of a case.
func shown(t *testing.T) map[string][]string {
	tests := map[string]map[string]bool{}
	for _, f := range sources(t) {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") && !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			for _, id := range idsOfTest(f, fn) {
				if tests[id] == nil {
					tests[id] = map[string]bool{}
				}
				tests[id]["`"+f.dir+"` "+fn.Name.Name] = true
			}
		}
	}
	list := map[string][]string{}
	for id, names := range tests {
		list[id] = slices.Sorted(maps.Keys(names))
	}
	return list
}

func idsOfTest(f file, fn *ast.FuncDecl) (ids []string) {
	if m := inName.FindStringSubmatch(fn.Name.Name); m != nil {
		ids = ruleID.FindAllString(m[1], -1)
	}
	ids = append(ids, idsOf(fn.Doc.Text())...)
	for _, c := range f.ast.Comments {
		if c.Pos() >= fn.Pos() && c.End() <= fn.End() {
			ids = append(ids, idsOf(c.Text())...)
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && len(lit.Value) < 120 {
			ids = append(ids, idsOf(lit.Value)...)
		}
		return true
	})
	return ids
}

// TestEveryRuleHasAnEntryAndATest: an id that the code cites is explained in docs/security-requirements.md, and every rule there is shown
// by a test. The lists of tests are written by go test ./internal/archtest -run EveryRule -update.
func TestEveryRuleHasAnEntryAndATest(t *testing.T) {
	page, err := os.ReadFile(requirementsPage)
	if err != nil {
		t.Fatal(err)
	}
	tests, rules := shown(t), map[string]bool{}
	var out []string
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, testsLine) {
			continue
		}
		if n := len(out); n > 0 && (line == "" || strings.HasPrefix(line, "- ")) && lastRule(out) != "" {
			out = append(out, testsOf(tests[lastRule(out)])...)
		}
		if m := ruleLine.FindStringSubmatch(line); m != nil {
			if rules[m[1]] {
				t.Errorf("%s has two entries", m[1])
			}
			if rules[m[1]] = true; len(tests[m[1]]) == 0 {
				t.Errorf("no test shows %s: name one TestX00_…, or remove the rule", m[1])
			}
		}
		out = append(out, line)
	}
	if id := lastRule(out); id != "" {
		out = append(out, testsOf(tests[id])...)
	}
	want := strings.Join(out, "\n") + "\n"
	if *update {
		if err := os.WriteFile(requirementsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Error("docs/security-requirements.md has other tests than the code: go test ./internal/archtest -run EveryRule -update")
	}
	for id, where := range citations(t) {
		if !rules[id] {
			t.Errorf("%s cites the rule %s, which docs/security-requirements.md does not have", where, id)
		}
	}
	if len(rules) < 100 {
		t.Errorf("only %d rules found", len(rules))
	}
}

// lastRule is the rule whose entry the lines end with; "" if its tests are listed already, or none is.
func lastRule(lines []string) string {
	for _, l := range slices.Backward(lines) {
		if m := ruleLine.FindStringSubmatch(l); m != nil {
			return m[1]
		}
		if !strings.HasPrefix(l, "  ") || strings.HasPrefix(l, testsLine) {
			return ""
		}
	}
	return ""
}

// testsOf is the generated part of an entry, at most 140 columns wide.
func testsOf(names []string) (lines []string) {
	byDir := map[string][]string{}
	for _, n := range names {
		dir, name, _ := strings.Cut(n, " ")
		byDir[dir] = append(byDir[dir], name)
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		line := testsLine + dir
		for i, name := range byDir[dir] {
			if sep := " "; len(line)+len(name)+3 > 140 {
				lines, line = append(lines, line+","), testsLine+name
			} else {
				if i > 0 {
					sep = ", "
				}
				line += sep + name
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// citations are the ids that code, documents and settings cite, with one of the places.
func citations(t *testing.T) map[string]string {
	where := map[string]string{}
	for _, f := range sources(t) {
		for _, c := range f.ast.Comments {
			for _, id := range idsOf(c.Text()) {
				where[id] = f.path
			}
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if m := inName.FindStringSubmatch(fn.Name.Name); m != nil && f.test {
					for _, id := range ruleID.FindAllString(m[1], -1) {
						where[id] = f.path
					}
				}
			}
		}
	}
	texts(t, func(name, text string) {
		if ext := path.Ext(name); ext == ".md" && name != "docs/security-requirements.md" || ext == ".yaml" || ext == ".sql" || ext == ".html" {
			for _, id := range idsOf(text) {
				where[id] = name
			}
		}
	})
	return where
}

// The finder itself must bite.
func TestCitationsAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"(V01)": "V01", "rule A19, B02": "A19 B02", "`C03`": "C03", "TestV01_X": "", "U+200D R16:": "", "RFC 9700": "", "A1": "", "1A10": "",
		"A100": "",
	} {
		if got := strings.Join(idsOf(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

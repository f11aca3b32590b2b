package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// wordList is testdata/words.txt, parsed.
type wordList struct {
	words   map[string]string // a word, or a phrase of several, and what to write instead
	phrases []string          // those of several words
	allowed []exception
}

// exception is a place where a listed word may be, and why.
type exception struct {
	files  string         // glob of paths, "*" for every file
	text   *regexp.Regexp // what the word is part of
	reason string
	used   bool
}

// readWords parses lines "word: write this" and "allow FILES /TEXT/: reason"; "#" begins a comment.
func readWords(t *testing.T) *wordList {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "words.txt"))
	if err != nil {
		t.Fatal(err)
	}
	l := &wordList{words: map[string]string{}}
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "allow "); ok {
			files, rest, _ := strings.Cut(rest, " /")
			text, reason, ok := strings.Cut(rest, "/: ")
			if !ok || strings.TrimSpace(reason) == "" {
				t.Fatalf("words.txt:%d: want allow FILES /TEXT/: reason", i+1)
			}
			l.allowed = append(l.allowed, exception{files: files, text: regexp.MustCompile(text), reason: reason})
			continue
		}
		word, instead, ok := strings.Cut(line, ": ")
		if !ok || l.words[word] != "" || word != strings.ToLower(word) {
			t.Fatalf("words.txt:%d: want a word in lower case, once, and what to write instead", i+1)
		}
		l.words[word] = instead
		if strings.Contains(word, " ") {
			l.phrases = append(l.phrases, word)
		}
	}
	return l
}

// found is a listed word at a place.
type found struct {
	line int
	word string
	text string
}

// in lists the words of the list in a text that no exception allows there.
func (l *wordList) in(name, text string) (list []found) {
	for i, line := range strings.Split(text, "\n") {
		hit := func(word string, at int) {
			if !l.allows(name, line, at) {
				list = append(list, found{i + 1, word, strings.TrimSpace(line)})
			}
		}
		eachWord(line, func(word string, at int) {
			for _, w := range []string{word, strings.TrimSuffix(word, "s")} {
				if l.words[w] != "" {
					hit(w, at)
					return
				}
			}
		})
		lower := strings.ToLower(line)
		for _, p := range l.phrases {
			if at := strings.Index(lower, p); at >= 0 && boundary(lower, at-1) && boundary(lower, at+len(p)) {
				hit(p, at)
			}
		}
	}
	return list
}

// allows reports whether an exception covers a place of a line, and notes that it was needed.
func (l *wordList) allows(name, line string, at int) (ok bool) {
	for i := range l.allowed {
		a := &l.allowed[i]
		if !matches(a.files, name) {
			continue
		}
		for _, s := range a.text.FindAllStringIndex(line, -1) {
			if s[0] <= at && at < s[1] {
				a.used, ok = true, true
			}
		}
	}
	return ok
}

func boundary(s string, i int) bool {
	return i < 0 || i >= len(s) || !('a' <= s[i] && s[i] <= 'z')
}

func matches(glob, name string) bool {
	if glob == "*" {
		return true
	}
	for g := range strings.SplitSeq(glob, ",") {
		if ok, _ := path.Match(g, name); ok || strings.HasSuffix(g, "/") && strings.HasPrefix(name, g) {
			return true
		}
	}
	return false
}

// eachWord splits a line into words in lower case: at what is no ASCII letter, and inside of them where camel case begins a new one. Words
// with a letter of another script in them are of another language.
func eachWord(line string, do func(word string, at int)) {
	for start := 0; start < len(line); {
		r, n := utf8.DecodeRuneInString(line[start:])
		if !unicode.IsLetter(r) {
			start += n
			continue
		}
		end, ascii := start, true
		for end < len(line) {
			r, n := utf8.DecodeRuneInString(line[end:])
			if !unicode.IsLetter(r) {
				break
			}
			ascii = ascii && r < utf8.RuneSelf
			end += n
		}
		if ascii {
			camel(line[start:end], func(w string, at int) { do(strings.ToLower(w), start+at) })
		}
		start = end
	}
}

// camel splits HTTPServer into HTTP and Server, theirName into their and Name.
func camel(s string, do func(word string, at int)) {
	begin := 0
	for i := 1; i < len(s); i++ {
		up := isUpper(s[i])
		if up && (!isUpper(s[i-1]) || i+1 < len(s) && !isUpper(s[i+1]) && s[i+1:] != "s") {
			do(s[begin:i], begin)
			begin = i
		}
	}
	do(s[begin:], begin)
}

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

// notOurs are trees whose texts are generated or taken from others.
var notOurs = []string{"internal/archtest/words_test.go", "docs/images", "users/password/common.txt.gz", "storage/migrations/sqlite.txt.gz",
	"storage/migrations/postgres.txt.gz", "go.sum", "LICENSE"}

// texts calls do with the path and the text of every file of the repository that people wrote.
func texts(t *testing.T, do func(name, text string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	n := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			return err
		case d.IsDir() && rel != "." && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "node_modules"), under(rel, notOurs):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir() || !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil || bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
			return err
		}
		n++
		do(rel, string(data))
		return nil
	})
	if err != nil || n < 500 {
		t.Fatalf("%d texts, %v", n, err)
	}
}

// TestPlainWords: who knows OAuth and Go reads the code, the pages and the documents without a glossary. testdata/words.txt has the words
// that may not be a whole word of an identifier (camel case is split), a comment, a text or a path, what to write instead, and the
// exceptions.
func TestPlainWords(t *testing.T) {
	list := readWords(t)
	counts := map[string]int{}
	texts(t, func(name, text string) {
		for _, f := range list.in(name, name) {
			t.Errorf("%s: the path has %q: write %s", name, f.word, list.words[f.word])
		}
		for _, f := range list.in(name, text) {
			counts[f.word]++
			t.Errorf("%s:%d: %q: write %s\n\t%.160s", name, f.line, f.word, list.words[f.word], f.text)
		}
	})
	for _, a := range list.allowed {
		if !a.used {
			t.Errorf("words.txt: nothing needs the exception %s /%s/ any more: remove it", a.files, a.text)
		}
	}
	if len(counts) > 0 {
		t.Log(fmt.Sprint(counts))
	}
}

// The list itself must bite.
func TestWordListBites(t *testing.T) {
	l := &wordList{
		words:   map[string]string{"house": "server", "for ever": "forever", "half": "part"},
		phrases: []string{"for ever"},
		allowed: []exception{{files: "a/*", text: regexp.MustCompile(`half an hour`)}},
	}
	for text, want := range map[string]string{
		"type HTTPHouse struct": "house", "func newHouses()": "house", "houses_of": "house", "warehouse": "", "House’s": "house",
		"it lasts for ever.": "for ever", "forever": "", "before everything": "", "half an hour": "", "half done": "half", "häuse house": "house",
		"AHouses": "house", "househÖld": "",
	} {
		var got string
		for _, f := range l.in("a/b.go", text) {
			got = f.word
		}
		if got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
	if got := l.in("b.go", "half an hour"); len(got) != 1 {
		t.Errorf("an exception of other files counts: %v", got)
	}
}

// Package yamlslip says what is wrong with a text that is not YAML, in words for whoever wrote it. Begin with Explain.
package yamlslip

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// mostRead bounds what is read to find the line, in bytes.
const mostRead = 16 << 20

// Explain is for a text that yaml refused: it names the line and the remedy, and quotes nothing of the text, which may hold secrets. The
// line that yaml itself names is often the one before, or where the section begins.
func Explain(data []byte) error {
	if rest, is := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); is {
		data = rest
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	wrong := 0 // the line after the most lines that are YAML by themselves
	said := lineOf(yaml.Unmarshal(data, new(yaml.Node)))
	end, read := 0, 0
	for n := min(len(lines), said+nearby); n > 0; n-- { // from below: most are near what yaml names
		end = len(bytes.Join(lines[:n], nil))
		if read += end; read > mostRead {
			wrong = said - 1
			break
		}
		if yaml.Unmarshal(data[:end], new(yaml.Node)) == nil {
			wrong = n
			break
		}
	}
	wrong = max(0, min(wrong, len(lines)-1))
	slip := slipIn(string(lines[wrong]))
	if slip == "" && wrong > 0 && lacksColon(string(lines[wrong-1])) {
		wrong, slip = wrong-1, noColon
	}
	if slip == "" {
		slip = "does not fit what is above it: keys of one section begin in one column, lists are `- entry`, and what is opened by a bracket " +
			"or a quote is closed by one"
	}
	return fmt.Errorf("line %d: %s", wrong+1, slip)
}

// nearby is how many lines below the one that yaml names are looked at.
const nearby = 50

var named = regexp.MustCompile(`line (\d+)`)

// lineOf is the line that yaml names; the last of a very long text if it names none.
func lineOf(err error) int {
	if err == nil {
		return 0
	}
	m := named.FindStringSubmatch(err.Error())
	if m == nil {
		return 1 << 20
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

const noColon = "wants a colon and a space after the key, like `listen: 127.0.0.1:9400`"

func slipIn(line string) string {
	line = strings.TrimRight(line, " \r\n")
	text := strings.TrimLeft(line, " ")
	_, value, pair := strings.Cut(strings.TrimPrefix(text, "- "), ": ")
	value = strings.TrimSpace(value)
	first, _ := utf8.DecodeRuneInString(value)
	switch {
	case !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		return "has bytes that are not text: save the file as UTF-8"
	case strings.HasPrefix(text, "\t"):
		return "is indented with a tab: YAML takes spaces only"
	case pair && value != "" && strings.ContainsRune(`"'`, first):
		return `has quotes that do not fit: within '…' a ' is written twice, within "…" write \" for " and \\ for \`
	case pair && value != "" && strings.ContainsRune("*&!%@`|>{}[],?-", first):
		return fmt.Sprintf("has a value that begins with %c, which means something to YAML: put the value in single quotes", first)
	case strings.Contains(value, ": "):
		return "has a value with a colon and a space in it: put the value in single quotes"
	case lacksColon(line):
		return noColon
	}
	return ""
}

// lacksColon reports whether a line is neither a comment nor a key, with a value or without.
func lacksColon(line string) bool {
	text := strings.TrimSpace(line)
	return text != "" && !strings.ContainsAny(text[:1], "#-[]{}") && !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":")
}

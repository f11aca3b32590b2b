package importer

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"signet/audit"
	"signet/internal/exact"
)

// What may be imported at once by a request: the command has no such bounds.
const (
	MostBytes = 1 << 20
	MostLines = 1000
)

// ErrMany: a request has more than it may.
var ErrMany = fmt.Errorf("has more than %d KiB or %d lines; split it, or run `signet user import FILE` on the server",
	MostBytes>>10, MostLines)

// Body reads people of a request, JSON lines; what cannot be read is an error of its line. ErrMany.
func Body(body []byte) (iter.Seq2[Record, error], error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	text := bytes.TrimSpace(body)
	if len(text) > MostBytes || bytes.Count(text, []byte{'\n'}) >= MostLines {
		return nil, ErrMany
	}
	if first, _, _ := bytes.Cut(text, []byte{'\n'}); bytes.HasPrefix(first, []byte("[")) {
		return refused(errArray), nil
	} else if bytes.HasPrefix(first, []byte("{")) && split(first) {
		return refused(errSplit), nil
	}
	return func(yield func(Record, error) bool) {
		number := 0
		for text := range bytes.Lines(body) {
			number++
			if text = bytes.TrimSpace(text); len(text) == 0 {
				continue
			}
			record, err := Line(number, text)
			if name, is := exact.Twice(text); is && err == nil {
				record, err = Record{Line: number}, fmt.Errorf("%w: %s is there twice", ErrFormat, name)
			}
			if !yield(record, err) {
				return
			}
		}
	}, nil
}

// Told is what an answer says of why a line was refused.
func (o Outcome) Told() string {
	if o.Err == nil {
		return ""
	}
	lines := strings.Split(o.Err.Error(), "\n")
	for i, line := range lines {
		lines[i] = audit.Cut(line)
	}
	return strings.Join(lines, "; ")
}

package main

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// plain is a stream to a terminal that shows what strangers wrote (names, programs, errors of other servers) and does nothing else: what
// moves the cursor, paints, names the window or turns the direction of text is written as in JSON, \u001b. Line feeds and tabs are the
// program's own; those inside a cell are row's matter.
type plain struct {
	w    io.Writer
	rest []byte // the beginning of a character
}

// Write implements io.Writer.
func (p *plain) Write(b []byte) (int, error) {
	text := append(p.rest, b...)
	p.rest = nil
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			p.rest = append(p.rest, text...)
			break
		}
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1: // a byte that a terminal of another encoding may read
			out = fmt.Appendf(out, `\ufffd`)
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		default:
			out = visible(out, r)
		}
		text = text[n:]
	}
	if _, err := p.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// visible appends a character, or, where it does something else than to be seen, how JSON writes it.
func visible(out []byte, r rune) []byte {
	joins := r == '\u200c' || r == '\u200d' // names in some scripts, and emoji, need them
	if !unicode.IsControl(r) && (joins || !unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
		return utf8.AppendRune(out, r)
	}
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}

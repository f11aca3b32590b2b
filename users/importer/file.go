package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrFormat: a line that cannot be read. Later lines can, unless the file is truncated.
var ErrFormat = errors.New("cannot be read")

// maxLine is the longest line, in bytes.
const maxLine = 256 << 10

// Read reads people; the file is JSON lines if its first byte is {, else CSV with a header, separated by commas, semicolons or
// tabs. docs/operations.md lists the names of the fields; all others are standard claims. With an error comes a Record that has its line
// only.
func Read(r io.Reader) iter.Seq2[Record, error] {
	in := bufio.NewReaderSize(r, 64<<10)
	switch mark, _ := in.Peek(3); {
	case bytes.Equal(mark, []byte("\xef\xbb\xbf")):
		_, _ = in.Discard(3) // it was peeked at
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")), bytes.IndexByte(mark, 0) >= 0:
		return refused(errUTF16)
	}
	first, _ := in.Peek(1)
	switch {
	case len(first) > 0 && first[0] == '{':
		return lines(in)
	case len(first) > 0 && first[0] == '[':
		return refused(errArray)
	}
	return table(in)
}

var (
	// Spreadsheets write the code page of their machine, or UTF-16, unless asked for UTF-8. Names would come out wrong without a word.
	errText  = fmt.Errorf("%w: it is not UTF-8; save the file as UTF-8, or `iconv -f windows-1252 -t utf-8 FILE`", ErrFormat)
	errUTF16 = fmt.Errorf("%w: the file is UTF-16; save it as UTF-8, or `iconv -f utf-16 -t utf-8 FILE`", ErrFormat)
	errArray = fmt.Errorf("%w: it is a JSON array; write one object a line, as `jq -c '.[]' FILE` does", ErrFormat)
	errSplit = fmt.Errorf("%w: an object goes on in the next line; write one object a line, as `jq -c . FILE` does", ErrFormat)
)

// refused is a file that cannot be read at all.
func refused(why error) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) { yield(Record{Line: 1}, why) }
}

func lines(in *bufio.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		scanner := bufio.NewScanner(in)
		scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
		line := 0
		for scanner.Scan() {
			line++
			text := bytes.TrimSpace(scanner.Bytes())
			if len(text) == 0 {
				continue
			}
			if line == 1 && split(text) { // one word on the file instead of one on each of its lines
				yield(Record{Line: line}, errSplit)
				return
			}
			if !yield(Line(line, text)) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield(Record{Line: line + 1}, fmt.Errorf("%w: %w", ErrFormat, err))
		}
	}
}

// split reports whether the text is the beginning of JSON that goes on.
func split(text []byte) bool {
	var whole json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(&whole), io.ErrUnexpectedEOF)
}

// Line reads one person, a JSON object. ErrFormat.
func Line(number int, text []byte) (Record, error) {
	rec, err := object(text)
	rec.Line = number
	return rec, err
}

func object(text []byte) (rec Record, err error) {
	if !utf8.Valid(text) {
		return rec, errText
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return rec, fmt.Errorf("%w: not a JSON object; write one object a line", ErrFormat)
	}
	claims := map[string]json.RawMessage{}
	for name, raw := range members {
		if string(raw) == "null" {
			continue
		}
		var one error
		switch name {
		case "sub":
			one = json.Unmarshal(raw, &rec.Sub)
		case "email":
			one = json.Unmarshal(raw, &rec.Person.Email)
		case "email_verified":
			one = json.Unmarshal(raw, &rec.EmailVerified)
		case "username":
			one = json.Unmarshal(raw, &rec.Person.Username)
		case "disabled":
			one = json.Unmarshal(raw, &rec.Disabled)
		case "groups":
			one = json.Unmarshal(raw, &rec.Groups)
		case "created_at":
			rec.CreatedAt, one = parseTime(strings.Trim(string(raw), `"`))
		case "metadata":
			rec.Metadata = slices.Clone(raw)
		case "password_hash":
			if rec.Hash = string(raw); raw[0] == '"' {
				one = json.Unmarshal(raw, &rec.Hash)
			} else if raw[0] != '{' {
				one = errors.New("text or an object")
			}
		default:
			claims[name] = raw
		}
		if one != nil {
			return Record{}, fmt.Errorf("%w: %s is not of the right type", ErrFormat, name)
		}
	}
	return rec, setClaims(&rec, claims)
}

func setClaims(rec *Record, claims map[string]json.RawMessage) (err error) {
	if len(claims) > 0 {
		if rec.Person.Claims, err = json.Marshal(claims); err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
	return nil
}

// parseTime reads RFC 3339, a date, or seconds or milliseconds since 1970.
func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 1e11 {
			return time.UnixMilli(n), nil
		}
		return time.Unix(n, 0), nil
	}
	for _, form := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("not a time")
}

// separator of a table: what the line of names has most of. Spreadsheets in much of Europe write semicolons.
func separator(in *bufio.Reader) rune {
	text, _ := in.Peek(4 << 10) // an error means that the file is shorter
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	best, most := ',', bytes.Count(text, []byte(","))
	for _, other := range ";\t" {
		if n := bytes.Count(text, []byte(string(other))); n > most {
			best, most = other, n
		}
	}
	return best
}

func table(in *bufio.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		rows := csv.NewReader(in)
		rows.ReuseRecord = true
		rows.Comma = separator(in)
		names, err := header(rows)
		if err != nil {
			yield(Record{Line: 1}, err)
			return
		}
		for {
			row, err := rows.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			wrong, bad := errors.AsType[*csv.ParseError](err)
			switch {
			case bad && errors.Is(err, csv.ErrFieldCount):
				if !yield(Record{Line: wrong.Line}, fmt.Errorf("%w: it has %d columns, not %d", ErrFormat, len(row), len(names))) {
					return
				}
				continue
			case err != nil:
				line := 0
				if bad {
					line = wrong.Line
				}
				yield(Record{Line: line}, fmt.Errorf("%w: %w", ErrFormat, err))
				return
			}
			line, _ := rows.FieldPos(0)
			rec, err := fields(names, row)
			rec.Line = line
			if !yield(rec, err) {
				return
			}
		}
	}
}

// header reads the names of the columns.
func header(rows *csv.Reader) ([]string, error) {
	first, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: there is no header", ErrFormat)
	}
	if slices.ContainsFunc(first, notText) {
		return nil, errText
	}
	names := slices.Clone(first)
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if names[i] == "" || slices.Contains(names[:i], names[i]) {
			return nil, fmt.Errorf("%w: column %d has no name, or that of another", ErrFormat, i+1)
		}
	}
	if !slices.Contains(names, "email") {
		return nil, fmt.Errorf("%w: there is no column email", ErrFormat)
	}
	return names, nil
}

func notText(s string) bool { return !utf8.ValidString(s) }

func fields(names, row []string) (rec Record, err error) {
	if slices.ContainsFunc(row, notText) {
		return rec, errText
	}
	claims := map[string]json.RawMessage{}
	for i, name := range names {
		value := strings.TrimSpace(row[i])
		if value == "" {
			continue
		}
		var one error
		switch name {
		case "sub":
			rec.Sub = value
		case "email":
			rec.Person.Email = value
		case "email_verified":
			rec.EmailVerified, one = strconv.ParseBool(value)
		case "username":
			rec.Person.Username = value
		case "disabled":
			rec.Disabled, one = strconv.ParseBool(value)
		case "groups":
			rec.Groups = strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ';' || r == ',' })
		case "created_at":
			rec.CreatedAt, one = parseTime(value)
		case "metadata":
			rec.Metadata = json.RawMessage(value)
		case "password_hash":
			rec.Hash = value
		case "phone_number_verified":
			var is bool
			is, one = strconv.ParseBool(value)
			claims[name] = strconv.AppendBool(nil, is)
		default:
			claims[name], one = json.Marshal(value)
		}
		if one != nil {
			return Record{}, fmt.Errorf("%w: %s", ErrFormat, name)
		}
	}
	return rec, setClaims(&rec, claims)
}

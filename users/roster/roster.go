// Package roster reads files of people from other products: JSON lines or CSV, one person each, whatever their number. It
// knows the form only; users.Bringing judges what it says. Begin with Read.
package roster

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

	"signet/users"
)

// ErrForm: a line that cannot be read. Others behind it can, unless the file is broken off.
var ErrForm = errors.New("cannot be read")

// maxLine is the longest line, in bytes.
const maxLine = 256 << 10

// Read reads people; the file is JSON lines if its first letter is {, else CSV with a line of names first. The names are those
// of Arrival in the documentation; all others are standard claims. With an error comes an Arrival that has its line only.
func Read(r io.Reader) iter.Seq2[users.Arrival, error] {
	in := bufio.NewReaderSize(r, 64<<10)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // it was there a moment ago
	}
	first, _ := in.Peek(1)
	if len(first) > 0 && first[0] == '{' {
		return lines(in)
	}
	return table(in)
}

func lines(in *bufio.Reader) iter.Seq2[users.Arrival, error] {
	return func(yield func(users.Arrival, error) bool) {
		scanner := bufio.NewScanner(in)
		scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
		line := 0
		for scanner.Scan() {
			line++
			text := bytes.TrimSpace(scanner.Bytes())
			if len(text) == 0 {
				continue
			}
			a, err := object(text)
			a.Line = line
			if !yield(a, err) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield(users.Arrival{Line: line + 1}, fmt.Errorf("%w: %w", ErrForm, err))
		}
	}
}

func object(text []byte) (a users.Arrival, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return a, fmt.Errorf("%w: not a JSON object", ErrForm)
	}
	claims := map[string]json.RawMessage{}
	for name, raw := range members {
		if string(raw) == "null" {
			continue
		}
		var one error
		switch name {
		case "sub":
			one = json.Unmarshal(raw, &a.Sub)
		case "email":
			one = json.Unmarshal(raw, &a.Person.Email)
		case "email_verified":
			one = json.Unmarshal(raw, &a.EmailVerified)
		case "username":
			one = json.Unmarshal(raw, &a.Person.Username)
		case "disabled":
			one = json.Unmarshal(raw, &a.Disabled)
		case "groups":
			one = json.Unmarshal(raw, &a.Groups)
		case "created_at":
			a.CreatedAt, one = moment(strings.Trim(string(raw), `"`))
		case "password_hash":
			if a.Hash = string(raw); raw[0] == '"' {
				one = json.Unmarshal(raw, &a.Hash)
			} else if raw[0] != '{' {
				one = errors.New("text or an object")
			}
		default:
			claims[name] = raw
		}
		if one != nil {
			return users.Arrival{}, fmt.Errorf("%w: %s is not of the right type", ErrForm, name)
		}
	}
	return a, put(&a, claims)
}

func put(a *users.Arrival, claims map[string]json.RawMessage) (err error) {
	if len(claims) > 0 {
		if a.Person.Claims, err = json.Marshal(claims); err != nil {
			return fmt.Errorf("%w: %w", ErrForm, err)
		}
	}
	return nil
}

// moment reads RFC 3339, a date, or seconds or milliseconds since 1970.
func moment(text string) (time.Time, error) {
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
	return time.Time{}, errors.New("no moment")
}

func table(in io.Reader) iter.Seq2[users.Arrival, error] {
	return func(yield func(users.Arrival, error) bool) {
		rows := csv.NewReader(in)
		rows.ReuseRecord = true
		header, err := rows.Read()
		if err != nil {
			yield(users.Arrival{Line: 1}, fmt.Errorf("%w: there is no line of names", ErrForm))
			return
		}
		names := slices.Clone(header)
		for i, name := range names {
			names[i] = strings.TrimSpace(name)
		}
		for i, name := range names {
			if name == "" || slices.Contains(names[:i], name) {
				yield(users.Arrival{Line: 1}, fmt.Errorf("%w: column %d has no name, or that of another", ErrForm, i+1))
				return
			}
		}
		if !slices.Contains(names, "email") {
			yield(users.Arrival{Line: 1}, fmt.Errorf("%w: there is no column email", ErrForm))
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
				if !yield(users.Arrival{Line: wrong.Line}, fmt.Errorf("%w: it has %d columns, not %d", ErrForm, len(row), len(names))) {
					return
				}
				continue
			case err != nil:
				line := 0
				if bad {
					line = wrong.Line
				}
				yield(users.Arrival{Line: line}, fmt.Errorf("%w: %w", ErrForm, err))
				return
			}
			line, _ := rows.FieldPos(0)
			a, err := record(names, row)
			a.Line = line
			if !yield(a, err) {
				return
			}
		}
	}
}

func record(names, row []string) (a users.Arrival, err error) {
	claims := map[string]json.RawMessage{}
	for i, name := range names {
		value := strings.TrimSpace(row[i])
		if value == "" {
			continue
		}
		var one error
		switch name {
		case "sub":
			a.Sub = value
		case "email":
			a.Person.Email = value
		case "email_verified":
			a.EmailVerified, one = strconv.ParseBool(value)
		case "username":
			a.Person.Username = value
		case "disabled":
			a.Disabled, one = strconv.ParseBool(value)
		case "groups":
			a.Groups = strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ';' || r == ',' })
		case "created_at":
			a.CreatedAt, one = moment(value)
		case "password_hash":
			a.Hash = value
		case "phone_number_verified":
			var is bool
			is, one = strconv.ParseBool(value)
			claims[name] = strconv.AppendBool(nil, is)
		default:
			claims[name], one = json.Marshal(value)
		}
		if one != nil {
			return users.Arrival{}, fmt.Errorf("%w: %s", ErrForm, name)
		}
	}
	return a, put(&a, claims)
}

package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// DSN is a database address: shown without its password.
type DSN struct{ text string }

// NewDSN keeps text.
func NewDSN(text string) DSN { return DSN{text} }

// Reveal returns the address itself, password included.
func (d DSN) Reveal() string { return d.text }

// HoldsPassword reports whether there is a password in the address.
func (d DSN) HoldsPassword() bool {
	u, err := url.Parse(d.text)
	if err != nil || !d.Postgres() {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password")
}

// Postgres tells the engine apart.
func (d DSN) Postgres() bool {
	return strings.HasPrefix(d.text, "postgres://") || strings.HasPrefix(d.text, "postgresql://")
}

// SQLitePath is the file of a SQLite address; "" if it is another one or in memory.
func (d DSN) SQLitePath() string {
	path, ok := strings.CutPrefix(d.text, "sqlite:")
	if !ok || path == ":memory:" {
		return ""
	}
	return path
}

// Mistake says what is wrong with an address, without quoting it; "" = nothing.
func (d DSN) Mistake() string {
	path, sqlite := strings.CutPrefix(d.text, "sqlite:")
	switch {
	case sqlite:
		return sqliteMistake(path)
	case d.Postgres():
		return postgresMistake(d.text)
	}
	return "must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE"
}

// sqliteMistake refuses the forms of other products, which would make a file of a strange name.
func sqliteMistake(path string) string {
	switch {
	case path == ":memory:":
		return ""
	case strings.TrimSpace(path) != path || path == "":
		return "must be sqlite:PATH, like sqlite:./data/signet.db"
	case strings.HasPrefix(path, "//"), strings.HasPrefix(path, "file:"), strings.HasPrefix(path, ":"):
		return "must be sqlite: and a plain path, like sqlite:./data/signet.db or sqlite:/var/lib/signet/signet.db; // and file: are not " +
			"understood"
	case strings.Contains(path, "?"):
		return "takes no parameters after the path of a SQLite file: leave out ? and what follows"
	case strings.HasSuffix(path, "/"), path == ".", strings.HasSuffix(path, "/."), strings.HasSuffix(path, "/.."), path == "..":
		return "names a folder; name the SQLite file in it, like sqlite:./data/signet.db"
	}
	return ""
}

// postgresMistake refuses what is probably a password with characters that end a part of the address: it would be taken apart in
// another way than it was meant, and its rest be taken for a host or a database, which are shown.
func postgresMistake(text string) string {
	const encode = "is not a valid address; in the password (and the user) write @ as %40, / as %2F, ? as %3F, # as %23, % as %25"
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return encode
	}
	_, rest, _ := strings.Cut(text, "://")
	authority, after := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, after = rest[:i], rest[i:]
	}
	if strings.Count(authority, "@") > 1 || strings.ContainsAny(after, "@#") || strings.Count(strings.TrimSuffix(u.Path, "/"), "/") > 1 {
		return encode
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "has parameters after ? that cannot be read; percent-encode special characters in them"
	}
	if mode := parameters.Get("sslmode"); mode != "" && !slices.Contains(sslModes, mode) {
		return "has an sslmode that there is not; it is one of " + strings.Join(sslModes, ", ")
	}
	return ""
}

// sslModes are those of libpq.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// shownParameters are the parameters of a Postgres address whose values are shown; of all others only the names are.
var shownParameters = []string{
	"application_name", "connect_timeout", "default_query_exec_mode", "host", "pool_max_conns", "port", "search_path", "sslmode",
	"sslrootcert",
	"statement_cache_capacity", "statement_timeout", "target_session_attrs", "TimeZone", "timezone",
}

// String is the address with the passwords masked. Of an address with a mistake only the kind is shown, because any part of it may be one
// of a password.
func (d DSN) String() string {
	kind, _, known := strings.Cut(d.text, ":")
	switch {
	case d.text == "":
		return ""
	case !known || kind != "sqlite" && !d.Postgres():
		return redacted
	case kind == "sqlite" && d.Mistake() == "":
		return d.text
	case kind == "sqlite":
		return "sqlite:" + redacted
	case d.Mistake() != "":
		return "postgres://" + redacted
	}
	u, err := url.Parse(d.text)
	if err != nil {
		return "postgres://" + redacted
	}
	q := u.Query()
	for name := range q {
		if !slices.Contains(shownParameters, name) {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// GoString is String, for %#v.
func (d DSN) GoString() string { return d.String() }

// Format is String for every verb.
func (d DSN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue is String, for slog.
func (d DSN) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText is String, for JSON and the like.
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalYAML is String.
func (d DSN) MarshalYAML() (any, error) { return d.String(), nil }

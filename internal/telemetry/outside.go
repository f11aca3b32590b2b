package telemetry

import (
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// longestOutside is how much is kept of a text that somebody sent, in bytes.
const longestOutside = 200

// Outside makes a text that somebody sent fit for the log: cut, and with all but printable ASCII escaped.
func Outside(s string) string {
	cut := len(s) > longestOutside
	if cut {
		s = s[:longestOutside]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			q := strconv.QuoteToASCII(s)
			s = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
			break
		}
	}
	if len(s) > longestOutside { // escaping made it longer
		s, cut = s[:longestOutside], true
	}
	if cut {
		s += "..."
	}
	return s
}

// sent is a text of which nobody knows if it is what it should be.
type sent string

// Sent is an attribute for the name of something that is not known here, or not proven, as it was sent: it may be anything that somebody
// typed. It is for the log alone; Known tells.
func Sent(key, text string) slog.Attr { return slog.Any(key, sent(Outside(text))) }

// Known reports whether a value is none of Sent.
func Known(v slog.Value) bool {
	_, is := v.Any().(sent)
	return !is
}

// URI is an attribute for a URI that somebody sent. What may hold a secret is left out: its query, fragment and user information.
func URI(key, uri string) slog.Attr { return slog.String(key, shown(uri)) }

func shown(uri string) string {
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		uri = uri[:i] + uri[i:i+1] + "..."
	}
	if scheme, rest, ok := strings.Cut(uri, "://"); ok {
		authority, path, slash := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = "..." + authority[at:]
		}
		uri = scheme + "://" + authority
		if slash {
			uri += "/" + path
		}
	}
	return Outside(uri)
}

// URIs is an attribute for the URIs that a client registered, the first ten of them.
func URIs(key string, uris []string) slog.Attr {
	const most = 10
	var b strings.Builder
	for i, uri := range uris[:min(len(uris), most)] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(Outside(uri))
	}
	if more := len(uris) - most; more > 0 {
		b.WriteString(" and " + strconv.Itoa(more) + " more")
	}
	return slog.String(key, b.String())
}

// Micros is an attribute for a duration, as a whole number of microseconds (a fraction would cost every request more than the rest of its
// line). Its key ends in _us.
func Micros(key string, d time.Duration) slog.Attr {
	return slog.Int64(key, d.Microseconds())
}

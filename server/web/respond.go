package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// jsonWriter is a buffer with its encoder, kept between requests.
type jsonWriter struct {
	buf bytes.Buffer
	enc *json.Encoder
}

var jsonWriters = sync.Pool{New: func() any {
	j := new(jsonWriter)
	j.enc = json.NewEncoder(&j.buf)
	j.enc.SetEscapeHTML(false)
	return j
}}

// WriteJSON writes v with the status; nothing is sent if v cannot be encoded. A content type set before is kept.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	j := jsonWriters.Get().(*jsonWriter)
	defer jsonWriters.Put(j)
	j.buf.Reset()
	if err := j.enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = jsonType
	}
	if j.buf.Len() > 2000 { // net/http counts shorter answers itself and sends longer ones in chunks
		h["Content-Length"] = []string{strconv.Itoa(j.buf.Len())}
	}
	w.WriteHeader(status)
	_, _ = w.Write(j.buf.Bytes()) // the client went away: nobody to tell
	return nil
}

// Redirect sends the browser on with 303, so that a POST is not repeated there (B13). On the way to another of our own
// pages (a path) it keeps the language chosen in the footer.
func Redirect(w http.ResponseWriter, r *http.Request, target string) error {
	if strings.HasPrefix(target, "/") && strings.Contains(r.URL.RawQuery, "lang=") {
		target = withLanguage(target, r.URL.Query().Get("lang"))
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func withLanguage(target, tag string) string {
	u, err := url.Parse(target)
	if err != nil || u.Query().Has("lang") || tag == "" {
		return target
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "lang=" + url.QueryEscape(tag)
	return u.String()
}

// OwnForm reports whether a form was sent from a page of ours, as far as the browser says so.
func OwnForm(r *http.Request) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site != "":
		return site == "same-origin"
	case r.Header.Get("Origin") == "":
		return true
	}
	x := exchangeOf(r.Context())
	return x != nil && r.Header.Get("Origin") == x.route.mux.base
}

// maxBounced keeps the GET that a POST is turned into within the limit of a URL, in bytes.
const maxBounced = 7 << 10

// Bounces reports whether a form fits into the address of a GET.
func Bounces(path string, query url.Values) bool {
	return len(path)+1+len(query.Encode()) <= maxBounced
}

// BounceToGET sends the browser from a form that another site posted on to a GET of ours, so that cookies come along: they are
// SameSite=Lax. It changes nothing. What does not fit into an address is a *PageError of status 413.
func BounceToGET(w http.ResponseWriter, r *http.Request, path string, query url.Values) error {
	to := path + "?" + query.Encode()
	if len(to) > maxBounced {
		return &PageError{Status: http.StatusRequestEntityTooLarge, Kind: "too_large"}
	}
	return Redirect(w, r, to)
}

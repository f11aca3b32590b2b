package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
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

// Redirect sends the browser on with 303, so that a POST is not repeated there (B13).
func Redirect(w http.ResponseWriter, _ *http.Request, url string) error {
	w.Header().Set("Location", url)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

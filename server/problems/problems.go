// Package problems shows the pages that explain the errors of the API of administrators, each at the type of its errors (RFC 9457 section
// 3.1.1). They need no sign-in, read nothing of the database, and are the same for everybody in a language. Begin with Handler.show.
package problems

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"signet/server/pages"
	"signet/server/web"
	"signet/server/web/problem"
)

// Options of New; all are required.
type Options struct {
	Issuer string
	Pages  *pages.Pages
}

// Handler answers the pages.
type Handler struct{ o Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Issuer == "" || o.Pages == nil {
		return nil, errors.New("server/problems: issuer and pages are required")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET "+problem.Path, h.list)
	m.Page("GET "+problem.Path+"/{name}", h.show)
}

// list shows all kinds.
func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	var page pages.APIProblems
	for _, k := range problem.All() {
		page.Kinds = append(page.Kinds, pages.APIProblem{Name: k.Name()})
	}
	return h.render(w, r, page)
}

// show explains one.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	k := problem.Find(r.PathValue("name"))
	if k == nil {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	example, err := h.example(k)
	if err != nil {
		return err
	}
	return h.render(w, r, pages.APIProblem{Name: k.Name(), Status: statusLine(k), Example: example})
}

func statusLine(k *problem.Kind) string {
	return fmt.Sprintf("%d %s", k.Status(), http.StatusText(k.Status()))
}

// render has browsers keep a page for an hour, unless the answer has them keep another language.
func (h *Handler) render(w http.ResponseWriter, r *http.Request, page pages.Page) error {
	if !r.URL.Query().Has("lang") {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	w.Header().Set("Vary", "Accept-Language, Cookie")
	return h.o.Pages.Render(w, r, http.StatusOK, page)
}

// reference is one as examples have it.
const reference = "7F3K-92QD-MX"

// example is an answer of a kind, as a program gets it.
func (h *Handler) example(k *problem.Kind) (string, error) {
	e := k.Example()
	p := web.NewProblem(k, e.Detail).Typed(h.o.Issuer)
	p.Reference = reference
	if e.Wrong != "" {
		p.Errors = []web.Violation{{Pointer: e.Pointer, Detail: e.Wrong}}
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return "", fmt.Errorf("write an example of %s: %w", k.Name(), err)
	}
	head := "HTTP/1.1 " + statusLine(k) + "\nContent-Type: application/problem+json\n"
	if e.Header[0] != "" {
		head += e.Header[0] + ": " + e.Header[1] + "\n"
	}
	return head + "\n" + strings.TrimSpace(body.String()), nil
}

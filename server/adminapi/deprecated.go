package adminapi

import (
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/internal/telemetry"
)

// deprecation is something of the API that is to be removed.
type deprecation struct {
	of            string    // the operationId, or a field: Schema.field, operationId.parameter
	since, sunset time.Time // when it was said, and from when on it may be gone: a year later, or more
	instead       string    // what replaces it, in the same form; "" = nothing does
}

// deprecated is the one place that says so. Nothing is at this time.
var deprecated []deprecation

// Removable reports whether something, called as in the table, may be missing from the document.
func Removable(name string, at time.Time) bool {
	return slices.ContainsFunc(deprecated, func(d deprecation) bool { return d.of == name && !d.sunset.After(at) })
}

// wrong says what breaks the rules in a row; "" = nothing does.
func (d deprecation) wrong(document *huma.OpenAPI, at time.Time) string {
	switch {
	case d.since.IsZero() || d.sunset.Before(d.since.AddDate(1, 0, 0)):
		return "sunset is not a year after since"
	case d.instead != "" && !inDocument(document, d.instead, nil):
		return "what replaces it is not there"
	case d.sunset.After(at) && !inDocument(document, d.of, nil):
		return "it is not there, before its sunset"
	}
	return ""
}

// says is for the document.
func (d deprecation) says() string {
	since, sunset := d.since.UTC().Format(time.DateOnly), d.sunset.UTC().Format(time.DateOnly)
	text := "Deprecated since " + since + "; may be removed from " + sunset + " on."
	if d.instead != "" {
		text += " Use " + d.instead + "."
	}
	return text
}

// inDocument does something to what has the name in the document, and reports whether there is such a thing.
func inDocument(document *huma.OpenAPI, name string, do func(deprecated *bool, description *string)) bool {
	if do == nil {
		do = func(*bool, *string) {}
	}
	of, field, part := strings.Cut(name, ".")
	if s := document.Components.Schemas.Map()[of]; s != nil && part {
		if f := s.Properties[field]; f != nil {
			do(&f.Deprecated, &f.Description)
			return true
		}
		return false
	}
	op, _ := operationOf(document, of)
	if op == nil {
		return false
	}
	if !part {
		do(&op.Deprecated, &op.Description)
		return true
	}
	for _, p := range op.Parameters {
		if p.Name == field {
			do(&p.Deprecated, &p.Description)
			return true
		}
	}
	return false
}

// operationOf is the operation of an id, and its path; nil if there is none.
func operationOf(document *huma.OpenAPI, id string) (*huma.Operation, string) {
	for path, item := range document.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil && op.OperationID == id {
				return op, path
			}
		}
	}
	return nil, ""
}

// deprecate has the document, and the answers of operations, say what is deprecated. A field is in the document alone: the headers are
// about all of what is at an address.
func (h *Handler) deprecate(document *huma.OpenAPI) {
	h.announced = map[string]announcement{}
	for _, d := range h.leaving {
		inDocument(document, d.of, func(deprecated *bool, description *string) {
			*deprecated, *description = true, strings.TrimSpace(*description+" "+d.says())
		})
		if op, _ := operationOf(document, d.of); op != nil {
			_, successor := operationOf(document, d.instead)
			h.announced[d.of] = announcement{"@" + strconv.FormatInt(d.since.Unix(), 10), d.sunset.UTC().Format(http.TimeFormat), successor}
		}
	}
}

// announcement is what the answers of a deprecated operation say: since when (RFC 9745) and until when (RFC 8594), and at which path is
// what replaces it (RFC 5829); "" = nowhere.
type announcement struct{ deprecation, sunset, successor string }

// announce has the answer of a deprecated operation say so, and the log, where who asks is. The metric of requests counts them already, by
// pattern and method.
func (h *Handler) announce(w http.ResponseWriter, r *http.Request, operation string) {
	a, is := h.announced[operation]
	if !is {
		return
	}
	w.Header().Set("Deprecation", a.deprecation)
	w.Header().Set("Sunset", a.sunset)
	api := h.issuer + base
	w.Header().Add("Link", "<"+api+`/openapi.json>; rel="deprecation"; type="application/openapi+json"`)
	if a.successor != "" {
		path := placeholder.ReplaceAllStringFunc(a.successor, func(part string) string {
			return url.PathEscape(r.PathValue(part[1 : len(part)-1]))
		})
		w.Header().Add("Link", "<"+api+path+`>; rel="successor-version"`)
	}
	telemetry.Add(r.Context(), slog.String("deprecated", operation))
}

// placeholder is a part of a path that a request fills in.
var placeholder = regexp.MustCompile(`\{[^}]*\}`)

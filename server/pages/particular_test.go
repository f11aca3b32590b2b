package pages

import (
	"strings"
	"testing"
)

// TestRFC9396_11_2_WhatAnAppSendsIsTextAlone: its values are never markup, and the words are in the page's language, on both pages.
func TestRFC9396_11_2_WhatAnAppSendsIsTextAlone(t *testing.T) {
	p := newPages(t, Options{})
	lines := []DetailsLine{{Title: map[string]string{"en": "Make one payment", "de": "Eine Zahlung"}, Owner: "Bank", Rows: []DetailsRow{
		{Title: map[string]string{"": "To"},
			Values: []DetailsValue{{Text: `<img src=x onerror="a()">`}, {Text: "EUR", Title: map[string]string{"": "Euros"}}}},
		{Title: map[string]string{"": "At once"}, Values: []DetailsValue{{No: true}}}}}}
	for _, page := range []Page{Consent{Details: lines, DetailsDigest: "d"}, DeviceConfirm{Details: lines, DetailsDigest: "d"}} {
		for accept, want := range map[string][]string{"en": {"Make one payment", "No"}, "de": {"Eine Zahlung", "Nein"},
			"ar": {"Make one payment", "لا"}} {
			body := render(t, p, page, "/consent", accept).Body.String()
			for _, words := range append(want, "Euros", "&lt;img src=x", `name="details" value="d"`) {
				if !strings.Contains(body, words) {
					t.Errorf("%T in %s does not say %q", page, accept, words)
				}
			}
			if strings.Contains(body, "<img src=x") || strings.Contains(body, ">EUR<") {
				t.Errorf("%T in %s shows what the app wrote", page, accept)
			}
		}
	}
}

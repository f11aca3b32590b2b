package clients_test

import (
	"testing"

	"signet/clients"
	"signet/storage/storagetest"
)

func TestResourcesAreFoundHoweverTheirIdentifierIsSpelled(t *testing.T) { // RFC 3986 section 6.2, RFC 8707 section 2
	r := registry(t, storagetest.SQLite(t))
	for _, id := range []string{"https://api.example", "https://Shop.Example:443/V1/", "http://plain.example:8080/a", "urn:example:API",
		"https://q.example/x?y=/", "https://[2001:DB8::1]/"} {
		if err := r.PutResource(t.Context(), clients.Resource{Identifier: id, Name: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		sent, found string // "" = not found
	}{
		{"https://API.example", "https://api.example"},
		{"HTTPS://api.example/", "https://api.example"},
		{"https://api.example:443", "https://api.example"},
		{"https://api.example:443/", "https://api.example"},
		{"https://api.example:", "https://api.example"},
		{"https://api.example:80", ""},
		{"http://api.example", ""},
		{"https://api.example:4430", ""},
		{"https://api.example/v1", ""},
		{"https://api.example?", ""},
		{"https://api.example#", ""},
		{"https://api.example.", ""},
		{"https://x@api.example", ""},
		{"https://api.example@evil.example", ""},
		{"https://evil.example/https://api.example", ""},
		{"https://shop.example/V1", "https://Shop.Example:443/V1/"},
		{"https://SHOP.example:443/V1/", "https://Shop.Example:443/V1/"},
		{"https://shop.example/v1", ""},
		{"http://PLAIN.example:8080/a/", "http://plain.example:8080/a"},
		{"http://plain.example:8080/A", ""},
		{"http://plain.example/a", ""},
		{"URN:example:API", "urn:example:API"},
		{"urn:example:api", ""},
		{"https://Q.example/x?y=/", "https://q.example/x?y=/"},
		{"https://q.example/x?y=", ""},
		{"https://q.example/x?Y=/", ""},
		{"https://[2001:db8::1]:443", "https://[2001:DB8::1]/"},
		{"", ""}, {"/", ""}, {"https://", ""}, {":", ""}, {"api.example", ""},
	}
	for _, tt := range tests {
		got, ok := r.Resources().Find(tt.sent)
		if ok != (tt.found != "") || got.Identifier != tt.found {
			t.Errorf("%q: got %q, want %q", tt.sent, got.Identifier, tt.found)
		}
	}
	for _, other := range []string{"https://API.example:443/", "HTTPS://ID.EXAMPLE.com", "https://id.example.com:443/"} {
		if err := r.PutResource(t.Context(), clients.Resource{Identifier: other, Name: "x"}); err == nil {
			t.Errorf("%s was registered beside another spelling of it", other)
		}
	}
	if err := r.DeleteResource(t.Context(), "https://API.example/"); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Resources().Find("https://api.example"); ok {
		t.Error("it is there although it was deleted by another spelling")
	}
}

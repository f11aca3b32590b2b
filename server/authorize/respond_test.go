package authorize

import (
	"net/url"
	"strings"
	"testing"
)

func TestRegisteredQueryStaysAsItIs(t *testing.T) { // RFC 6749 section 3.1.2
	params := [][2]string{{"code", "a+b/c"}, {"state", "s t&x=1#ü"}}
	const sent = "code=a%2Bb%2Fc&state=s+t%26x%3D1%23%C3%BC"
	for address, want := range map[string]string{
		"https://shop.example/cb":            "https://shop.example/cb?" + sent,
		"https://shop.example/cb?":           "https://shop.example/cb?" + sent,
		"https://shop.example/cb?z=1&a=%20x": "https://shop.example/cb?z=1&a=%20x&" + sent,
		"https://shop.example/?code=mine":    "https://shop.example/?code=mine&" + sent,
		"com.example.app:/cb":                "com.example.app:/cb?" + sent,
		"http://[::1]:5123/cb":               "http://[::1]:5123/cb?" + sent,
	} {
		if got := withQuery(address, params); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzWithQuery: the registered address comes first, byte for byte, and the parameters come back as they were.
func FuzzWithQuery(f *testing.F) {
	f.Add("z=1", "state", "iss")
	f.Add("", "\x00\r\nLocation: x", "#?&=")
	f.Fuzz(func(t *testing.T, query, state, iss string) {
		address := "https://shop.example/cb?" + url.PathEscape(query)
		got := withQuery(address, [][2]string{{"state", state}, {"iss", iss}})
		rest, ok := strings.CutPrefix(got, address)
		values, err := url.ParseQuery(strings.TrimPrefix(rest, "&"))
		if !ok || err != nil || values.Get("state") != state || values.Get("iss") != iss || strings.ContainsAny(rest, "\r\n #") {
			t.Errorf("%q: %v", got, err)
		}
	})
}

package clients

import "testing"

func TestOriginOf(t *testing.T) { // RFC 6454 section 6.2, as browsers read addresses
	for address, want := range map[string]string{
		"https://ID.example.com/cb": "https://id.example.com", "https://id.example.com:443/cb": "https://id.example.com",
		"https://id.example.com:0443/cb": "https://id.example.com", "https://id.example.com:/cb": "https://id.example.com",
		"https://id.example.com:08443": "https://id.example.com:8443", "http://127.0.0.1:080/": "http://127.0.0.1",
		"http://[::1]:9400/cb": "http://[::1]:9400", "http://[::1]/cb": "http://[::1]", "https://id.example.com:80/": "https://id.example.com:80",
		"https://id.example.com:70000/": "", "com.example.app://id.example.com/": "", "https:id.example.com": "",
	} {
		if got := OriginOf(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

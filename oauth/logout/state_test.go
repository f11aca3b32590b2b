package logout

import (
	"strings"
	"testing"
)

func TestSessionState(t *testing.T) { // OpenID Connect Session Management 1.0 section 3
	one := SessionState("shop", "https://SHOP.example:443/cb?x=1", "b")
	hash, salt, ok := strings.Cut(one, ".")
	if !ok || len(hash) != 64 || len(salt) < 20 || one != sessionState("shop", "https://shop.example", "b", salt) {
		t.Errorf("got %q", one)
	}
	if SessionState("shop", "https://shop.example/cb", "b") == one {
		t.Error("the salt is the same")
	}
	for _, redirect := range []string{"com.example.app:/cb", "urn:x", "", "https://"} {
		if got := SessionState("shop", redirect, "b"); got != "" {
			t.Errorf("%q: %q", redirect, got)
		}
	}
	if SessionState("shop", "https://shop.example/cb", "") != "" {
		t.Error("a state without a browser's")
	}
}

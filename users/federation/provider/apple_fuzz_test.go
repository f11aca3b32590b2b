package provider

import (
	"testing"
	"unicode/utf8"
)

func FuzzAppleUser(f *testing.F) {
	for _, seed := range []string{
		`{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"ada@example.com"}`, `{"name":{"firstName":"\ud800"}}`, `{"name":null}`, `[`,
		"",
		`{"name":{"firstName":"` + "\xff" + `"}}`, `{"NAME":{"FIRSTNAME":"x"},"email":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, user string) {
		claims := map[string]any{"email": "ada@example.com", "sub": "1"}
		appleName(claims, user)
		if claims["email"] != "ada@example.com" || claims["sub"] != "1" {
			t.Fatalf("%q changes what was signed: %v", user, claims)
		}
		for name, value := range claims {
			s, ok := value.(string)
			if !ok || s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > 2*appleNameSize+1 {
				t.Fatalf("%q gives %s = %q", user, name, value)
			}
		}
		if len(claims) > 5 {
			t.Fatalf("%q gives %v", user, claims)
		}
	})
}

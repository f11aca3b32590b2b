package request

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestRFC6749_3_1_AParameterWithoutAValueIsLeftOut: among several of one name, too; what may not repeat still may not.
func TestRFC6749_3_1_AParameterWithoutAValueIsLeftOut(t *testing.T) {
	for sent, want := range map[string]string{
		"resource=&resource=https://a.test":                         "https://a.test",
		"resource=https://a.test&resource=&resource=https://b.test": "https://a.test https://b.test",
		"resource=&resource=":                                       "",
		"resource=":                                                 "",
		"scope=&scope=x":                                            "refused",
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(sent))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := Form(r)
		if err != nil {
			form = map[string][]string{"resource": {"refused"}}
		}
		if got := form["resource"]; !slices.Equal(got, strings.Fields(want)) || got != nil && want == "" {
			t.Errorf("%s: %q, want %q", sent, got, want)
		}
	}
}

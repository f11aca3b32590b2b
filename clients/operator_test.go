package clients

import (
	"strings"
	"testing"
)

// A private-use scheme without a dot needs the operator's leave, and a listed origin reads answers though no redirect URI has it.
func TestWhatTheOperatorAllows(t *testing.T) {
	app := func(uri string, native bool) Metadata {
		m := Metadata{ClientID: "app", RedirectURIs: []string{uri}, GrantTypes: []string{AuthorizationCode}, TokenEndpointAuthMethod: MethodNone}
		if m.ApplicationType = Web; native {
			m.ApplicationType = Native
		}
		return m.WithDefaults()
	}
	for _, c := range []struct {
		uri     string
		native  bool
		allowed []string
		ok      bool
	}{
		{"myapp://cb", true, nil, false}, {"myapp:/cb", true, []string{"other"}, false}, {"myapp:/cb", true, []string{"myapp"}, true},
		{"myapp://cb", true, []string{"other", "myapp"}, true}, {"myapp://cb", false, []string{"myapp"}, false},
		{"com.example.app:/cb", true, nil, true},
		{"http://app.localhost/cb", true, nil, true}, {"http://app.localhost.example/cb", true, nil, false},
		{"javascript:x", true, []string{"javascript"}, false},
	} {
		err := app(c.uri, c.native).Validate(c.allowed...)
		if (err == nil) != c.ok {
			t.Errorf("%s, native %v, allowed %v: %v", c.uri, c.native, c.allowed, err)
		}
		if err != nil && c.native && strings.HasPrefix(c.uri, "myapp") && !strings.Contains(err.Error(), "apps.private_schemes") {
			t.Errorf("%s: no remedy: %v", c.uri, err)
		}
	}
}

// What a registration may say.
func TestFiltersAndLimitsAreChecked(t *testing.T) {
	for _, c := range []struct {
		filter []string
		most   int64
		want   string
	}{
		{[]string{"staff", "shop-*", "*"}, 0, ""}, {nil, 10, ""}, {nil, 100_000, ""}, {[]string{""}, 0, "groups_filter"},
		{[]string{"a*b"}, 0, "groups_filter"},
		{[]string{"a**"}, 0, "groups_filter"}, {[]string{"a\u202eb"}, 0, "groups_filter"}, {make([]string, 101), 0, "groups_filter"},
		{nil, 9, "max_grants"}, {nil, -1, "max_grants"}, {nil, 100_001, "max_grants"},
	} {
		m := Metadata{ClientID: "app", RedirectURIs: []string{"https://app.example/cb"}, GroupsFilter: c.filter, MaxGrants: c.most}
		err := m.WithDefaults().Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q, %d: %v", c.filter, c.most, err)
		}
	}
	if got := (Metadata{}).GrantLimit(); got != DefaultMaxGrants {
		t.Errorf("default %d", got)
	}
}

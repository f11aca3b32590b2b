package config

import (
	"strings"
	"testing"
)

// What the operator may allow apps.
func TestOperatorLists(t *testing.T) {
	for text, want := range map[string]string{
		"private_schemes: [myapp, my-app2, capacitor]": "",
		"private_schemes: [com.example.app]":           `"com.example.app" has a dot and needs no permission`,
		"private_schemes: [MyApp]":                     `"MyApp" is not a scheme`,
		"private_schemes: ['myapp://']":                `"myapp://" is not a scheme`,
		"private_schemes: [a]":                         `"a" is not a scheme`,
		"private_schemes: [javascript, myapp]":         `"javascript" is not a scheme that an app may have`,
		"private_schemes: [http]":                      `"http" is not a scheme that an app may have`,
		"private_schemes: [mailto]":                    `"mailto" is not a scheme that an app may have`,
		"private_schemes: [intent]":                    `"intent" is not a scheme that an app may have`,
		"origins: [capacitor://localhost, ionic://localhost, https://localhost, 'http://localhost:8100', 'app://my-app']": "",
		"origins: [capacitor://localhost/]":        `"capacitor://localhost/" is not an origin`,
		"origins: ['capacitor://localhost?x']":     "is not an origin",
		"origins: ['*']":                           `"*" is not an origin`,
		"origins: ['https://*.example.com']":       "is not an origin",
		"origins: ['null']":                        "is not an origin",
		"origins: [file://]":                       "is not an origin",
		"origins: [file://host]":                   "is not an origin",
		"origins: [http://app.example.com]":        "is not an origin",
		"origins: [HTTPS://app.example.com]":       "is not an origin",
		"origins: ['https://app.example.com:443']": "is not an origin",
		"origins: ['https://a:b@app.example.com']": "is not an origin",
		"origins: [localhost]":                     "is not an origin",
	} {
		_, err := load(file("apps: {"+text+"}"), Sources{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

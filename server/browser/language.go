package browser

import (
	"net/http"
	"net/url"
	"time"
)

// languageLife is how long a browser keeps the language that was chosen in it.
const languageLife = 365 * 24 * time.Hour

// Languages is the cookie that remembers which language was chosen in a browser: pages.Choice.
type Languages struct{ jar jar }

// LanguagesOf is that of an issuer.
func LanguagesOf(issuer *url.URL) Languages { return Languages{newJar(issuer)} }

// Language is the tag that the browser shows; "" = none was chosen.
func (l Languages) Language(r *http.Request) string { return l.jar.read(r, languageCookie) }

// KeepLanguage has the browser remember a tag.
func (l Languages) KeepLanguage(w http.ResponseWriter, tag string) {
	l.jar.write(w, languageCookie, tag, time.Now().Add(languageLife))
}

package browser

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// stepsKept is how many sign-ins may wait for their second factor in a browser, in a tab each.
	stepsKept = 4
	// stepLife is longer than such a sign-in waits.
	stepLife = 15 * time.Minute
)

// FirstStep gives the browser a secret for a first step that was just done in it, and returns the hash that the sign-in keeps. It is new
// each time: whoever knows the browser's other cookies from before, or put them there, does not go on from here (F05).
func (b *Browser) FirstStep(w http.ResponseWriter, r *http.Request) string {
	secret := rand.Text()
	steps := append([]string{secret}, b.steps(r)...)
	b.jar.write(w, stepsCookie, strings.Join(steps[:min(len(steps), stepsKept)], "."), time.Now().Add(stepLife))
	return hash(secret)
}

// DidFirstStep reports whether it was this browser; "" is of the release before, which kept none.
func (b *Browser) DidFirstStep(r *http.Request, mark string) bool {
	return mark == "" || slices.ContainsFunc(b.steps(r), func(secret string) bool {
		return subtle.ConstantTimeCompare([]byte(hash(secret)), []byte(mark)) == 1
	})
}

func (b *Browser) steps(r *http.Request) (secrets []string) {
	for secret := range strings.SplitSeq(b.jar.read(r, stepsCookie), ".") {
		if secret != "" && len(secrets) < stepsKept {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

package trace

import (
	"slices"
	"strings"
)

// Step is one check of a request.
type Step struct {
	Check   string `json:"check"`
	Outcome string `json:"outcome" enum:"passed,failed"`
}

// Explanation is what became of a request.
type Explanation struct {
	Trace  Trace  `json:"trace"`
	Steps  []Step `json:"steps" doc:"What was checked, in order, to the check that failed."`
	Found  string `json:"found" doc:"What was wrong."`
	Remedy string `json:"remedy" doc:"How to fix it."`
}

// The checks, in words that are shown.
const (
	checkServer      = "this server can answer"
	checkLimit       = "limits"
	checkForm        = "form of the request"
	checkClient      = "client is known and enabled"
	checkCredentials = "client authentication"
	checkRedirect    = "redirect URI"
	checkObject      = "request object"
	checkAllowed     = "what the client is registered for"
	checkPKCE        = "PKCE"
	checkProof       = "proof of possession"
	checkGrant       = "code, refresh token or other grant"
	checkToken       = "access token"
	checkScope       = "scope"
	checkResource    = "resource"
	checkSignIn      = "sign-in"
	checkStrength    = "strength of the sign-in"
	checkConsent     = "consent"
	checkBrowser     = "browser and its cookies"
	checkAddress     = "address and method"
	checkUpstream    = "upstream provider"
	checkPermission  = "permission"
)

// order is what the routes check, one after the other.
func order(route string) []string {
	_, path, _ := strings.Cut(route, " ")
	switch {
	case strings.HasSuffix(path, "/oauth2/token"):
		return []string{checkForm, checkClient, checkCredentials, checkAllowed, checkProof, checkGrant, checkRedirect, checkPKCE, checkSignIn,
			checkStrength, checkScope, checkResource}
	case strings.HasSuffix(path, "/oauth2/authorize"):
		return []string{checkForm, checkClient, checkRedirect, checkObject, checkAllowed, checkPKCE, checkScope, checkResource, checkSignIn,
			checkStrength, checkConsent}
	case strings.Contains(path, "/oauth2/"):
		return []string{checkForm, checkClient, checkCredentials, checkProof, checkObject, checkRedirect, checkAllowed, checkPKCE, checkScope,
			checkResource}
	case strings.HasSuffix(path, "/userinfo"):
		return []string{checkForm, checkToken, checkProof, checkScope, checkStrength}
	case strings.Contains(path, "/api/admin/"):
		return []string{checkToken, checkPermission, checkForm}
	}
	return nil
}

// Explain says what was checked, what failed and how to fix it.
func (t Trace) Explain() Explanation {
	e := Explanation{Trace: t, Steps: []Step{}}
	r := t.rule()
	if steps := order(t.Route); slices.Contains(steps, r.check) {
		for _, check := range steps[:slices.Index(steps, r.check)] {
			e.Steps = append(e.Steps, Step{check, "passed"})
		}
	}
	e.Steps = append(e.Steps, Step{r.check, "failed"})
	e.Found, e.Remedy = t.found(), r.remedy
	if r.check == checkRedirect {
		if more := t.redirects(); more != "" {
			e.Found += " " + more
		}
	}
	return e
}

func (t Trace) found() string {
	if t.Description != "" {
		return t.Description
	}
	return "The page said: " + t.Code + "."
}

// redirects tells where the redirect URI that was sent parts from the one registered that is most like it.
func (t Trace) redirects() string {
	sent := t.fact("redirect_uri")
	like := strings.Fields(t.fact("registered_uris"))
	if used := t.fact("authorized_uri"); used != "" {
		like = []string{used}
	}
	if sent == "" || len(like) == 0 {
		return ""
	}
	best, same := "", -1
	for _, one := range like {
		if n := common(sent, one); n > same {
			best, same = one, n
		}
	}
	text := "Sent: " + sent + "; the nearest that would do: " + best
	switch {
	case sent == best:
		return text + ". They differ in the query or fragment, which is not kept."
	case same == len(sent):
		return text + ". What was sent ends too early: " + best[same:] + " is missing."
	case same == len(best):
		return text + ". What was sent goes on after it: " + sent[same:] + " is too much."
	}
	return text + ". The first difference: " + sent[same:] + " where " + best[same:] + " is registered."
}

// common is how many bytes two texts begin with alike.
func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// rule finds what failed by what the caller was told and the log says.
func (t Trace) rule() rule {
	text := t.Code + ": " + t.Description + ": " + t.Error
	for _, r := range rules {
		if r.match(text) {
			return r
		}
	}
	return rule{check: checkServer, remedy: generic}
}

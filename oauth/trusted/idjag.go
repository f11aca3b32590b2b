package trusted

import (
	"encoding/json"
	"slices"

	"signet/internal/spaced"
	"signet/oauth/clientjwt"
)

// An identity assertion authorization grant, or ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant-04): an assertion in which the
// company's identity provider allows one app of ours to act for one of its people at our resources. It names the app by the id that it has
// here, and may say less than the app is trusted with. It may be presented again until it ends, as the app keeps it in place of a refresh
// token.
const (
	typeIDJAG = "oauth-id-jag+jwt"
	// ProfileIDJAG is what discovery tells of it.
	ProfileIDJAG = "urn:ietf:params:oauth:grant-profile:id-jag"
)

// Limits are what an assertion allows of what its issuer is trusted with; nil = all of it.
type Limits struct {
	Scopes, Resources []string
}

// idJAGClaims are those that an ID-JAG has beside the others.
type idJAGClaims struct {
	ClientID string          `json:"client_id"`
	IssuedAt *float64        `json:"iat"`
	ID       string          `json:"jti"`
	Scope    *string         `json:"scope"`
	Resource json.RawMessage `json:"resource"`
	Details  json.RawMessage `json:"authorization_details"`
	Audience json.RawMessage `json:"aud"`
}

// types are the typ headers that are taken.
func (v *Verifier) types() []string {
	if v.IDJAG {
		return []string{"jwt", typeIDJAG}
	}
	return []string{"jwt"}
}

// idJAG judges what only an ID-JAG has; of another assertion it changes nothing.
func (v *Verifier) idJAG(jws clientjwt.JWT, payload []byte, client string, a Assertion) (Assertion, error) {
	if jws.Type != typeIDJAG {
		return a, nil
	}
	var c idJAGClaims
	if clientjwt.Claims(payload, &c) != nil {
		return a, refuse("its claims are malformed")
	}
	audience, _ := single(c.Audience)
	switch {
	case c.ClientID != client:
		return a, refuse("client_id is another client than the one that presents it")
	case audience != v.Self: // whatever else the issuer's assertions may say
		return a, refuse("aud must be this server's issuer")
	case c.ID == "" || c.IssuedAt == nil:
		return a, refuse("jti or iat is missing")
	case len(c.Details) > 0:
		return a, refuse("it has authorization_details, which are not taken this way")
	}
	if c.Scope != nil {
		a.Limits.Scopes = append([]string{}, spaced.Words(*c.Scope)...)
	}
	if len(c.Resource) > 0 {
		var one string
		if json.Unmarshal(c.Resource, &one) == nil {
			a.Limits.Resources = []string{one}
		} else if json.Unmarshal(c.Resource, &a.Limits.Resources) != nil {
			return a, refuse("resource is neither a text nor a list of them")
		}
		if len(a.Limits.Resources) == 0 || slices.Contains(a.Limits.Resources, "") {
			return a, refuse("resource is empty")
		}
	}
	a.Once = ""
	return a, nil
}

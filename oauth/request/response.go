package request

import (
	"net/url"
	"slices"
	"strings"

	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth/flow"
	"signet/oauth/refusal"
)

// The response modes (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, OAuth 2.0 Form Post Response Mode section 2). With
// signed behind it the answer is one parameter, a JWT (JWT Secured Authorization Response Mode for OAuth 2.0 section 2.3).
const (
	modeQuery    = "query"
	modeFragment = "fragment"
	modeFormPost = "form_post"
	modeJWT      = "jwt" // as the response type has it without a mode, signed
	signed       = ".jwt"
)

// ResponseModes are those that are offered, with every response type that may have them.
func ResponseModes() []string {
	return []string{modeQuery, modeFragment, modeFormPost, modeJWT, modeQuery + signed, modeFragment + signed, modeFormPost + signed}
}

// modeOf is how a request is answered, errors too, whatever is wrong with it: by its words alone. Where a token is asked for, it is never
// the query (Multiple Response Type Encoding Practices section 5).
func modeOf(form url.Values) string {
	mode := form.Get("response_mode")
	way, jwt := strings.CutSuffix(mode, signed)
	switch {
	case way == modeFormPost, way == modeFragment:
	case clients.FromFront(form.Get("response_type")):
		way = modeFragment
	default:
		way = modeQuery
	}
	if mode == modeJWT || jwt && slices.Contains(ResponseModes(), mode) {
		return way + signed
	}
	return way
}

// responseType judges what is to be answered, and how.
func (p *Parser) responseType(req *flow.Request, c *clients.Client, form url.Values) *refusal.Refusal {
	asked := clients.ResponseType(form.Get("response_type"))
	offered := p.ResponseTypes
	if offered == nil {
		offered = []string{"code"}
	}
	switch {
	case strings.Trim(asked, " ") == "":
		return refusal.InvalidRequest("response_type is missing.")
	case !slices.Contains(offered, asked):
		return refusal.UnsupportedResponseType("This response type is not supported.")
	case !slices.Contains(c.ResponseTypes, asked), clients.Answers(asked, "code") && !c.HasGrant(clients.AuthorizationCode),
		clients.FromFront(asked) && !c.HasGrant(clients.Implicit):
		return refusal.UnauthorizedClient("The client has not registered this response type.")
	}
	switch mode := form.Get("response_mode"); {
	case mode != "" && !slices.Contains(ResponseModes(), mode):
		return refusal.InvalidRequest("Only the response modes " + strings.Join(ResponseModes(), ", ") + " are supported.")
	case c.Profile == clients.ProfileFAPI2Messages && !strings.HasSuffix(modeOf(form), signed):
		return refusal.InvalidRequest("This client must ask for a signed answer: response_mode=jwt.")
	case (mode == modeQuery || mode == modeQuery+signed) && clients.FromFront(asked):
		return refusal.InvalidRequest("The response mode " + mode + " is not allowed with this response type.")
	}
	req.ResponseType = asked
	return nil
}

// identity is what an ID token from the authorization endpoint needs: the scope openid and a nonce (OpenID Connect Core sections 3.2.2.1
// and 3.3.2.11).
func identity(req *flow.Request, _ *clients.Client, form url.Values) *refusal.Refusal {
	switch {
	case !clients.Answers(req.ResponseType, "id_token"):
	case !slices.Contains(spaced.Words(form.Get("scope")), "openid"):
		return refusal.InvalidRequest("An ID token needs the scope openid.")
	case req.Nonce == "":
		return refusal.InvalidRequest("nonce is missing.")
	}
	return nil
}

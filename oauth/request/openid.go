package request

import (
	"errors"
	"net/url"
	"slices"

	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth/claims"
	"signet/oauth/flow"
	"signet/oauth/keys"
	"signet/oauth/refusal"
)

// openID reads the parameters of OpenID Connect Core section 3.1.2.1 that are about the person and the pages.
func (p *Parser) openID(req *flow.Request, c *clients.Client, form url.Values) *refusal.Refusal {
	req.Nonce, req.Claims, req.Display = form.Get("nonce"), form.Get("claims"), form.Get("display")
	if len(req.Nonce) > maxNonce {
		return refusal.InvalidRequest("nonce is too long.")
	}
	if req.IDPHint = form.Get("idp_hint"); len(req.IDPHint) > maxUpstream {
		req.IDPHint = ""
	}
	if req.LoginHint = form.Get("login_hint"); len(req.LoginHint) > maxHint {
		req.LoginHint = ""
	}
	if !slices.Contains([]string{"", "page", "popup", "touch", "wap"}, req.Display) { // taken, without effect, like claims_locales
		req.Display = ""
	}
	req.UILocales = bounded(spaced.Words(form.Get("ui_locales")))
	req.ACRValues = bounded(spaced.Words(form.Get("acr_values")))
	if len(req.ACRValues) == 0 {
		req.ACRValues = c.DefaultACRValues
	}
	if req.Claims != "" {
		asked, err := claims.ParseParam(req.Claims)
		if err != nil {
			return refusal.InvalidRequest("The claims parameter is malformed.").Because(err)
		}
		req.EssentialACRs = bounded(asked.EssentialACRs())
		if req.HintSubjects, err = asked.Subjects(); err != nil {
			return refusal.InvalidRequest("The claims parameter is malformed.").Because(err)
		}
	}
	return p.person(req, c, form)
}

// person finds who the request is about: by id_token_hint (OpenID Connect Core section 3.1.2.1), or by sub of the claims
// parameter (section 5.5.1), which may not name another beside it.
func (p *Parser) person(req *flow.Request, c *clients.Client, form url.Values) *refusal.Refusal {
	if hint := form.Get("id_token_hint"); hint != "" {
		subject, audience, err := p.Hint(hint)
		if errors.Is(err, keys.ErrSealed) {
			return refusal.InvalidRequest("id_token_hint is encrypted, and not to a key of this issuer: send the ID token inside.").Because(err)
		}
		if err != nil && slices.Contains(req.Prompts, "none") { // who was meant cannot be told, and nobody may be asked
			return refusal.LoginRequired("id_token_hint is not an ID token that this issuer can verify.").Because(err)
		}
		if err != nil {
			return refusal.InvalidRequest("id_token_hint is not an ID token of this issuer.").Because(err)
		}
		if !slices.Contains(audience, c.ClientID) {
			return refusal.InvalidRequest("id_token_hint was issued to another client.")
		}
		if len(req.HintSubjects) > 0 && !slices.Contains(req.HintSubjects, subject) {
			return refusal.InvalidRequest("id_token_hint and the claims parameter name different people.")
		}
		req.HintSubjects = []string{subject}
	}
	if len(req.HintSubjects) == 1 {
		req.HintSubject, req.HintSubjects = req.HintSubjects[0], nil
	}
	return nil
}

func bounded(list []string) []string { return list[:min(len(list), 10)] }

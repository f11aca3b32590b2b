package request

import (
	"net/url"

	"signet/clients"
	"signet/oauth/details"
	"signet/oauth/flow"
	"signet/oauth/refusal"
)

const paramDetails = "authorization_details"

// detailsOf reads authorization_details (RFC 9396 section 3). Whoever asks with them gets a code: an access token in an address would be
// one for a payment.
func detailsOf(req *flow.Request, c *clients.Client, form url.Values, known *clients.Resources) *refusal.Refusal {
	raw := form.Get(paramDetails)
	if raw == "" {
		return nil
	}
	if req.ResponseType != "code" {
		return refusal.InvalidRequest("authorization_details need the response type code.")
	}
	list, err := details.Parse(raw)
	if err == nil {
		err = list.Judge(c, known)
	}
	if err != nil {
		return refusal.InvalidAuthorizationDetails("authorization_details are refused: " + err.Error() + ".").Because(err)
	}
	req.Details = list.String()
	return nil
}

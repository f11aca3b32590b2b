package console

import (
	"context"
	"strconv"

	"signet/server/pages"
)

// looks is how often a page that waits is looked at by itself; then somebody has to ask for it.
const looks = 120

// first waits for the first sign-in at an app, and tells why the last attempt failed.
func (h *Handler) first(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.first", Name: v.of()}
	c, err := h.Acts.Client(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	state, err := h.Acts.FirstSignIn(ctx, v.actor, c.ClientID)
	if err != nil {
		return p, err
	}
	p.Name = c.ClientName
	p.Facts = []pages.ConsoleFact{{Label: "console.issuer", Value: h.Issuer},
		{Label: "console.id", Value: c.ClientID, URL: h.to(appsPath, c.ClientID)}}
	left, _ := strconv.Atoi(v.URL.Query().Get("looks")) // what is no number is none
	left = min(left, looks)
	p.Intro = "console.first_idle"
	if left > 0 {
		p.Intro = "console.first_waits"
	}
	switch {
	case state.Refused != nil:
		m := state.Refused
		p.Intro = "console.first_refused"
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.request", Value: m.Route},
			pages.ConsoleFact{Label: "console.failed_at", Value: m.Check, English: true},
			pages.ConsoleFact{Label: "console.found", Value: m.Found, English: true},
			pages.ConsoleFact{Label: "console.remedy", Value: m.Remedy, English: true},
			pages.ConsoleFact{Label: "console.by_reference", Value: m.Reference})
	case state.SignedIn:
		p.Intro = "console.first_came"
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.scopes", Value: state.Scope},
			pages.ConsoleFact{Label: "console.created", At: state.At})
		return p, nil
	}
	p.NowURL, p.StopURL = v.here()+"?looks="+strconv.Itoa(looks), v.here()
	if left > 0 {
		p.AgainURL = v.here() + "?looks=" + strconv.Itoa(left-1)
	}
	return p, nil
}

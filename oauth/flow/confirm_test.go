package flow

import (
	"cmp"
	"errors"
	"testing"

	"signet/oauth/refusal"
)

// Of who has no factor here and is to confirm that it is them.
var (
	confirming = func(s Seen, mailable bool) Seen { s.Confirm, s.Mailable = true, mailable; return s }
	confirmed  = Progress{ConfirmedAt: now, UserID: "ada"}
	login      = Request{Prompts: []string{"login"}}
	bob        = Seen{UserID: "bob", AuthTime: now}
)

var confirmTests = map[string]nextTest{
	"an act, no factor here":             {purpose: PurposeConfirm, seen: confirming(ada, true), want: Confirm},
	"an act, no factor, no address":      {purpose: PurposeConfirm, seen: confirming(ada, false), want: Confirm},
	"an act, confirmed":                  {purpose: PurposeConfirm, facts: confirmed, seen: confirming(ada, true), want: Finish},
	"an act, confirmed by somebody else": {purpose: PurposeConfirm, facts: confirmed, seen: confirming(bob, true), want: Confirm},
	"an act, confirmed, a factor since":  {purpose: PurposeConfirm, facts: confirmed, seen: ada, want: Finish},
	"an act, proven upstream":            {purpose: PurposeConfirm, facts: did, seen: confirming(ada, true), want: Finish},
	"an act, second factor waits": {purpose: PurposeConfirm, facts: waiting(false), seen: pending(confirming(ada, true)),
		want: Factor},
	"an act, nobody":                       {purpose: PurposeConfirm, want: SignIn},
	"login, unproven upstream":             {req: login, seen: confirming(ada, true), want: Confirm},
	"login, unproven upstream, nobody":     {req: login, seen: confirming(Seen{}, true), want: Confirm},
	"login, unproven upstream, no address": {req: login, seen: confirming(ada, false), code: "login_required"},
	"login, confirmed only":                {req: login, facts: confirmed, seen: ada, want: SignIn},
	"login, unproven, then a code":         {req: login, facts: did, seen: confirming(ada, true), want: Finish},
	"none, unproven upstream":              {req: Request{Prompts: []string{"none"}}, seen: confirming(ada, true), code: "login_required"},
	"unproven upstream, accounts behind":   {req: age(0), seen: confirming(Seen{Behind: true}, true), want: Confirm},
}

func TestV12_Next(t *testing.T) {
	for name, tt := range confirmTests {
		t.Run(name, func(t *testing.T) {
			in := Interaction{Purpose: cmp.Or(tt.purpose, PurposeAuthorize), Request: tt.req, Progress: tt.facts, CreatedAt: now}
			got, err := Next(in, tt.seen, now)
			code := ""
			if r, ok := errors.AsType[*refusal.Refusal](err); ok {
				code = r.Code
			}
			if got != tt.want || code != tt.code {
				t.Errorf("step %d, refused %q; want %d, %q", got, code, tt.want, tt.code)
			}
		})
	}
}

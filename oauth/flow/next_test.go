package flow

import (
	"cmp"
	"errors"
	"testing"
	"time"

	"signet/oauth/refusal"
)

// Who and what the table speaks of.
var (
	now       = time.Unix(1_800_000_000, 0)
	ada       = Seen{UserID: "ada", AuthTime: now.Add(-time.Hour)}
	asks      = func(s Seen) Seen { s.ConsentNeeded = true; return s }
	did       = Progress{SignedInAt: now, AccountAt: now, DecidedAt: now, UserID: "ada"}
	with      = func(s Seen, acr, reachable string) Seen { s.ACR, s.Reachable = acr, reachable; return s }
	demanding = func(s Seen) Seen { s.Required = ACRMulti; return s }
	gone      = func(s Seen) Seen { s.ScopesGone = true; return s }
	due       = func(s Seen) Seen { s.TermsDue = true; return s }
	waiting   = func(enrol bool) Progress {
		return Progress{PendingFactor: &PendingFactor{UserID: "ada", At: now.Add(-time.Minute), Enrol: enrol}}
	}
	pending   = func(s Seen) Seen { s.Pending = true; return s }
	linkable  = func(s Seen) Seen { s.Linkable = true; return s }
	offerable = func(s Seen) Seen { s.Offerable = true; return s }
	offered   = Progress{SignedInAt: now, AccountAt: now, DecidedAt: now, UserID: "ada", OfferedTo: "ada"}
	since     = func(s Seen, epoch int64) Seen { s.ConsentEpoch = epoch; return s }
	decidedIn = func(epoch int64) Progress { p := did; p.ConsentEpoch = epoch; return p }
	prompt    = func(value string) Request { return Request{Prompts: []string{value}} }
	age       = func(n int64) Request { return Request{MaxAge: &n} }
	needing   = func(r Request, acr string) Request { r.EssentialACRs = []string{acr}; return r }
)

const unmet = "unmet_authentication_requirements"

// nextTest is one row of the table.
type nextTest struct {
	purpose string
	req     Request
	facts   Progress
	seen    Seen
	want    Step
	code    string
}

var nextTests = map[string]nextTest{
	"nobody":                                {want: SignIn},
	"signed in, nothing to ask":             {seen: ada, want: Finish},
	"consent first time":                    {seen: asks(ada), want: Consent},
	"scopes are gone (H22)":                 {seen: gone(asks(ada)), code: "invalid_scope"},
	"scopes are gone, nobody signed in":     {seen: gone(Seen{}), want: SignIn},
	"scopes are gone, after the answer":     {seen: gone(asks(ada)), facts: did, code: "invalid_scope"},
	"consent answered":                      {seen: asks(ada), facts: did, want: Finish},
	"consent answered by another person":    {seen: asks(Seen{UserID: "bob", AuthTime: now}), facts: did, want: Consent},
	"consent answered, of this epoch":       {seen: since(asks(ada), 2), facts: decidedIn(2), want: Finish},
	"consent answered, withdrawn since":     {seen: since(asks(ada), 2), facts: decidedIn(1), want: Consent},
	"… and given anew for all of this":      {seen: since(ada, 2), facts: decidedIn(1), want: Finish},
	"prompt consent, withdrawn since":       {req: prompt("consent"), seen: since(ada, 2), facts: decidedIn(1), want: Consent},
	"prompt consent, done in this epoch":    {req: prompt("consent"), seen: since(ada, 2), facts: decidedIn(2), want: Finish},
	"prompt login":                          {req: Request{Prompts: []string{"login"}}, seen: ada, want: SignIn},
	"prompt login, done":                    {req: Request{Prompts: []string{"login"}}, seen: ada, facts: did, want: Finish},
	"prompt consent":                        {req: Request{Prompts: []string{"consent"}}, seen: ada, want: Consent},
	"prompt consent, done":                  {req: Request{Prompts: []string{"consent"}}, seen: ada, facts: did, want: Finish},
	"prompt select_account":                 {req: Request{Prompts: []string{"select_account"}}, seen: ada, want: ChooseAccount},
	"prompt select_account, done":           {req: Request{Prompts: []string{"select_account"}}, seen: ada, facts: did, want: Finish},
	"prompt login consent":                  {req: Request{Prompts: []string{"login", "consent"}}, seen: ada, want: SignIn},
	"max_age not reached":                   {req: age(3600), seen: ada, want: Finish},
	"max_age passed":                        {req: age(3599), seen: ada, want: SignIn},
	"max_age passed, signed in since":       {req: age(3599), seen: ada, facts: did, want: Finish},
	"max_age 0 is now":                      {req: age(0), seen: Seen{UserID: "ada", AuthTime: now}, want: SignIn},
	"max_age 0, done":                       {req: age(0), seen: Seen{UserID: "ada", AuthTime: now}, facts: did, want: Finish},
	"hint of the same person":               {req: Request{HintSubject: "ada"}, seen: ada, want: Finish},
	"hint of another":                       {req: Request{HintSubject: "bob"}, seen: ada, want: SignIn},
	"hint of another, and signed in as ada": {req: Request{HintSubject: "bob"}, seen: ada, facts: did, code: "login_required"},
	"one of those named":                    {req: Request{HintSubjects: []string{"bob", "ada"}}, seen: ada, want: Finish},
	"none of those named":                   {req: Request{HintSubjects: []string{"bob", "eve"}}, seen: ada, want: SignIn},
	"several named, nobody here":            {req: Request{HintSubjects: []string{"bob", "eve"}}, want: SignIn},
	"none of those named signed in": {req: Request{HintSubjects: []string{"bob", "eve"}}, seen: ada, facts: did,
		code: "login_required"},
	"none, another is named": {req: Request{Prompts: []string{"none"}, HintSubjects: []string{"bob", "eve"}}, seen: ada,
		code: "login_required"},
	"terms due":                   {seen: due(ada), facts: did, want: Terms},
	"terms due, consent too":      {seen: due(asks(ada)), want: Terms},
	"terms due, nobody here":      {seen: due(Seen{}), want: SignIn},
	"none, terms due":             {req: Request{Prompts: []string{"none"}}, seen: due(ada), code: "interaction_required"},
	"denied":                      {seen: asks(ada), facts: Progress{Denied: true, UserID: "ada"}, code: "access_denied"},
	"cancelled at sign-in":        {facts: Progress{Cancelled: true}, code: "access_denied"},
	"none, nobody":                {req: Request{Prompts: []string{"none"}}, code: "login_required"},
	"none, consent":               {req: Request{Prompts: []string{"none"}}, seen: asks(ada), code: "consent_required"},
	"none, fine":                  {req: Request{Prompts: []string{"none"}}, seen: ada, want: Finish},
	"acr unknown is no demand":    {req: Request{ACRValues: []string{"urn:x"}}, seen: with(ada, "1", ""), want: Finish},
	"acr reached":                 {req: Request{ACRValues: []string{"2"}}, seen: with(ada, "phr", ""), want: Finish},
	"acr within reach":            {req: Request{ACRValues: []string{"2"}}, seen: with(ada, "1", "2"), want: SignIn},
	"acr out of reach, voluntary": {req: Request{ACRValues: []string{"phr", "2"}}, seen: with(ada, "1", "1"), want: Finish},
	"acr within reach, not given": {req: Request{ACRValues: []string{"2"}}, facts: did, seen: with(ada, "1", "2"), want: Finish},
	"acr, one of them will do":    {req: Request{ACRValues: []string{"phr", "1"}}, seen: with(ada, "1", "phr"), want: Finish},
	"essential acr within reach":  {req: Request{EssentialACRs: []string{"phr"}}, seen: with(ada, "2", "phr"), want: SignIn},
	"essential acr out of reach": {req: Request{EssentialACRs: []string{"phr"}}, seen: with(ada, "2", "2"),
		code: "unmet_authentication_requirements"},
	"essential acr, not given": {req: Request{EssentialACRs: []string{"2"}}, facts: did, seen: with(ada, "1", "2"),
		code: "unmet_authentication_requirements"},
	"essential acr that nobody knows": {req: Request{EssentialACRs: []string{"urn:x"}}, seen: with(ada, "phr", "phr"),
		code: "unmet_authentication_requirements"},
	"registered demand":            {seen: demanding(with(ada, "1", "1")), want: SignIn},
	"registered demand, not given": {facts: did, seen: demanding(with(ada, "1", "1")), code: "unmet_authentication_requirements"},
	"registered demand, reached":   {seen: demanding(with(ada, "2", "")), want: Finish},
	"none, acr within reach": {req: Request{Prompts: []string{"none"}, ACRValues: []string{"2"}}, seen: with(ada, "1", "2"),
		code: "login_required"},
	"none, acr out of reach": {req: Request{Prompts: []string{"none"}, ACRValues: []string{"2"}}, seen: with(ada, "1", "1"),
		want: Finish},
	"a second factor is asked for": {facts: waiting(false), seen: pending(Seen{}), want: Factor},
	"… whoever else is in view":    {facts: waiting(false), seen: pending(ada), want: Factor},
	"… and has to be set up":       {facts: waiting(true), seen: pending(Seen{}), want: Enrol},
	"… its person is gone":         {facts: waiting(false), want: SignIn},
	"… it took too long": {facts: Progress{PendingFactor: &PendingFactor{UserID: "ada", At: now.Add(-pendingLife)}},
		seen: pending(Seen{}), want: SignIn},
	"none, a second factor is asked for": {req: Request{Prompts: []string{"none"}}, facts: waiting(false), seen: pending(Seen{}),
		code: "login_required"},
	"account to be deleted":              {seen: Seen{Leaving: true}, want: Keep},
	"none, account to be deleted":        {req: Request{Prompts: []string{"none"}}, seen: Seen{Leaving: true}, code: "login_required"},
	"accounts behind":                    {seen: Seen{Behind: true}, want: ChooseAccount},
	"accounts behind, essential acr":     {req: Request{EssentialACRs: []string{"2"}}, seen: Seen{Behind: true}, want: ChooseAccount},
	"accounts behind, somebody is named": {req: Request{LoginHint: "eve"}, seen: Seen{Behind: true}, want: SignIn},
	"none, accounts behind":              {req: Request{Prompts: []string{"none"}}, seen: Seen{Behind: true}, code: "login_required"},
	"select_account, unmet in view":      {req: needing(prompt("select_account"), "2"), seen: with(ada, "1", "1"), want: ChooseAccount},
	"… unmet by the chosen one":          {req: needing(prompt("select_account"), "2"), facts: did, seen: with(ada, "1", "1"), code: unmet},
	"none, unmet":                        {req: needing(prompt("none"), "2"), seen: with(ada, "1", "1"), code: unmet},
	"a new account":                      {req: Request{Prompts: []string{"create"}}, want: SignUp},
	"a new account, somebody is here":    {req: Request{Prompts: []string{"create"}}, seen: ada, want: SignUp},
	"a new account, accounts behind":     {req: Request{Prompts: []string{"create"}}, seen: Seen{Behind: true}, want: SignUp},
	"a new account and consent":          {req: Request{Prompts: []string{"consent", "create"}}, seen: ada, want: SignUp},
	"a new account, made, and consent": {req: Request{Prompts: []string{"create", "consent"}}, seen: ada, want: Consent,
		facts: Progress{SignedInAt: now, UserID: "ada"}},
	"a new account, made":               {req: Request{Prompts: []string{"create"}}, facts: did, seen: ada, want: Finish},
	"identity waits":                    {facts: did, seen: linkable(asks(ada)), want: Link},
	"none, identity waits":              {req: Request{Prompts: []string{"none"}}, seen: linkable(ada), code: "interaction_required"},
	"passkey offered":                   {facts: offered, seen: offerable(due(asks(ada))), want: OfferPasskey},
	"passkey offered to somebody else":  {facts: offered, seen: offerable(Seen{UserID: "bob", AuthTime: now}), want: Finish},
	"passkey offered and not to be had": {facts: offered, seen: ada, want: Finish},
	"passkey not offered here":          {facts: did, seen: offerable(ada), want: Finish},
	"the order: sign-in before all else": {req: Request{Prompts: []string{"login", "select_account", "consent"}},
		seen: linkable(offerable(due(asks(ada)))), want: SignIn},
	"the order: the account": {req: Request{Prompts: []string{"select_account"}}, seen: linkable(offerable(due(asks(ada)))),
		want: ChooseAccount},
	"plain, nobody":                  {purpose: PurposeAccount, want: SignIn},
	"plain, signed in":               {purpose: PurposeAccount, seen: asks(ada), want: Finish},
	"plain, second factor":           {purpose: PurposeAccount, facts: waiting(false), seen: pending(Seen{}), want: Factor},
	"plain, enrolment":               {purpose: PurposeAccount, facts: waiting(true), seen: pending(Seen{}), want: Enrol},
	"plain, terms":                   {purpose: PurposeAccount, seen: due(ada), want: Terms},
	"plain, passkey offered":         {purpose: PurposeAccount, facts: offered, seen: offerable(due(ada)), want: OfferPasskey},
	"plain, identity waits":          {purpose: PurposeAccount, facts: did, seen: linkable(ada), want: Link},
	"confirm, signed in before":      {purpose: PurposeConfirm, seen: ada, want: SignIn},
	"confirm, second factor":         {purpose: PurposeConfirm, facts: waiting(false), seen: pending(ada), want: Factor},
	"confirm, done":                  {purpose: PurposeConfirm, facts: did, seen: ada, want: Finish},
	"confirm, done by somebody else": {purpose: PurposeConfirm, facts: did, seen: Seen{UserID: "bob", AuthTime: now}, want: SignIn},
	"none, hint of another":          {req: Request{Prompts: []string{"none"}, HintSubject: "bob"}, seen: ada, code: "login_required"},
}

func TestNext(t *testing.T) { // OpenID Connect Core sections 3.1.2.1 and 3.1.2.6
	for name, tt := range nextTests {
		t.Run(name, func(t *testing.T) {
			got, err := Next(Interaction{Purpose: cmp.Or(tt.purpose, PurposeAuthorize), Request: tt.req, Progress: tt.facts, CreatedAt: now},
				tt.seen, now)
			r, _ := errors.AsType[*refusal.Refusal](err)
			if code := ""; r != nil && r.Code != tt.code || r == nil && tt.code != code {
				t.Fatalf("refused with %v, want %q", err, tt.code)
			}
			if got != tt.want {
				t.Fatalf("got step %d, want %d", got, tt.want)
			}
		})
	}
}

func TestAnswerIsTheStrongestThatWasAsked(t *testing.T) { // OpenID Connect Core section 5.5.1.1
	for _, tt := range []struct {
		asked, essential []string
		have, want       string
	}{
		{nil, nil, "phr", "phr"},
		{[]string{"2"}, nil, "phr", "2"},
		{[]string{"1", "2"}, nil, "phr", "2"},
		{[]string{"phr", "1"}, nil, "2", "1"},
		{[]string{"phr"}, nil, "1", "1"},
		{[]string{"urn:x"}, nil, "2", "2"},
		{[]string{"1"}, []string{"2"}, "phr", "2"},
		{[]string{"1"}, nil, "", ""},
	} {
		if got := Answer(Request{ACRValues: tt.asked, EssentialACRs: tt.essential}, tt.have, ""); got != tt.want {
			t.Errorf("asked %v essential %v, have %q: got %q, want %q", tt.asked, tt.essential, tt.have, got, tt.want)
		}
	}
	for have, want := range map[string]string{"2": "2", "phr": "phr"} { // less than the registration demands is never stated
		if got := Answer(Request{ACRValues: []string{"1"}}, have, ACRMulti); got != want {
			t.Errorf("demanded 2, asked 1, have %q: got %q", have, got)
		}
	}
	if got := Answer(Request{EssentialACRs: []string{"2", "1"}}, "phr", ACRMulti); got != "2" {
		t.Errorf("demanded 2, asked 2 or 1: got %q", got)
	}
}

package flow

import (
	"errors"
	"testing"
	"time"

	"signet/oauth/refusal"
)

func TestNext(t *testing.T) { // OpenID Connect Core sections 3.1.2.1 and 3.1.2.6
	now := time.Unix(1_800_000_000, 0)
	ada := Seen{UserID: "ada", AuthTime: now.Add(-time.Hour)}
	asks := func(s Seen) Seen { s.ConsentNeeded = true; return s }
	did := Facts{SignedInAt: now, AccountAt: now, DecidedAt: now, UserID: "ada"}
	with := func(s Seen, acr, reachable string) Seen { s.ACR, s.Reachable = acr, reachable; return s }
	demanding := func(s Seen) Seen { s.Required = ACRMulti; return s }
	due := func(s Seen) Seen { s.TermsDue = true; return s }
	age := func(n int64) Request { return Request{MaxAge: &n} }
	tests := map[string]struct {
		req   Request
		facts Facts
		seen  Seen
		want  Step
		code  string
	}{
		"nobody":                                {want: SignIn},
		"signed in, nothing to ask":             {seen: ada, want: Finish},
		"consent first time":                    {seen: asks(ada), want: Consent},
		"consent answered":                      {seen: asks(ada), facts: did, want: Finish},
		"consent answered by another person":    {seen: asks(Seen{UserID: "bob", AuthTime: now}), facts: did, want: Consent},
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
		"none of those named signed in":         {req: Request{HintSubjects: []string{"bob", "eve"}}, seen: ada, facts: did, code: "login_required"},
		"none, another is named":                {req: Request{Prompts: []string{"none"}, HintSubjects: []string{"bob", "eve"}}, seen: ada, code: "login_required"},
		"terms due":                             {seen: due(ada), facts: did, want: Terms},
		"terms due, consent too":                {seen: due(asks(ada)), want: Terms},
		"terms due, nobody here":                {seen: due(Seen{}), want: SignIn},
		"none, terms due":                       {req: Request{Prompts: []string{"none"}}, seen: due(ada), code: "interaction_required"},
		"denied":                                {seen: asks(ada), facts: Facts{Denied: true, UserID: "ada"}, code: "access_denied"},
		"cancelled at sign-in":                  {facts: Facts{RefusedSign: true}, code: "access_denied"},
		"none, nobody":                          {req: Request{Prompts: []string{"none"}}, code: "login_required"},
		"none, consent":                         {req: Request{Prompts: []string{"none"}}, seen: asks(ada), code: "consent_required"},
		"none, fine":                            {req: Request{Prompts: []string{"none"}}, seen: ada, want: Finish},
		"acr unknown is no demand":              {req: Request{ACRValues: []string{"urn:x"}}, seen: with(ada, "1", ""), want: Finish},
		"acr reached":                           {req: Request{ACRValues: []string{"2"}}, seen: with(ada, "phr", ""), want: Finish},
		"acr within reach":                      {req: Request{ACRValues: []string{"2"}}, seen: with(ada, "1", "2"), want: SignIn},
		"acr out of reach, voluntary":           {req: Request{ACRValues: []string{"phr", "2"}}, seen: with(ada, "1", "1"), want: Finish},
		"acr within reach, not given":           {req: Request{ACRValues: []string{"2"}}, facts: did, seen: with(ada, "1", "2"), want: Finish},
		"acr, one of them will do":              {req: Request{ACRValues: []string{"phr", "1"}}, seen: with(ada, "1", "phr"), want: Finish},
		"essential acr within reach":            {req: Request{EssentialACRs: []string{"phr"}}, seen: with(ada, "2", "phr"), want: SignIn},
		"essential acr out of reach":            {req: Request{EssentialACRs: []string{"phr"}}, seen: with(ada, "2", "2"), code: "unmet_authentication_requirements"},
		"essential acr, not given":              {req: Request{EssentialACRs: []string{"2"}}, facts: did, seen: with(ada, "1", "2"), code: "unmet_authentication_requirements"},
		"essential acr that nobody knows":       {req: Request{EssentialACRs: []string{"urn:x"}}, seen: with(ada, "phr", "phr"), code: "unmet_authentication_requirements"},
		"registered demand":                     {seen: demanding(with(ada, "1", "1")), want: SignIn},
		"registered demand, not given":          {facts: did, seen: demanding(with(ada, "1", "1")), code: "unmet_authentication_requirements"},
		"registered demand, reached":            {seen: demanding(with(ada, "2", "")), want: Finish},
		"none, acr within reach":                {req: Request{Prompts: []string{"none"}, ACRValues: []string{"2"}}, seen: with(ada, "1", "2"), code: "login_required"},
		"none, acr out of reach":                {req: Request{Prompts: []string{"none"}, ACRValues: []string{"2"}}, seen: with(ada, "1", "1"), want: Finish},
		"none, hint of another":                 {req: Request{Prompts: []string{"none"}, HintSubject: "bob"}, seen: ada, code: "login_required"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Next(Interaction{Request: tt.req, Facts: tt.facts, CreatedAt: now}, tt.seen, now)
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
		if got := Answer(Request{ACRValues: tt.asked, EssentialACRs: tt.essential}, tt.have); got != tt.want {
			t.Errorf("asked %v essential %v, have %q: got %q, want %q", tt.asked, tt.essential, tt.have, got, tt.want)
		}
	}
}

package factor_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"testing"
	"time"

	"signet/users/factor"
)

var acts = map[string]factor.Act{
	"SetPassword": factor.SetPassword, "ChangePassword": factor.ChangePassword, "ResetPassword": factor.ResetPassword,
	"AddPasskey": factor.AddPasskey, "RemovePasskey": factor.RemovePasskey, "AddAuthenticator": factor.AddAuthenticator,
	"RemoveAuthenticator": factor.RemoveAuthenticator, "MakeRecoveryCodes": factor.MakeRecoveryCodes, "LinkLogin": factor.LinkLogin,
	"UnlinkLogin": factor.UnlinkLogin, "ChangeAddress": factor.ChangeAddress, "VerifyAddress": factor.VerifyAddress,
	"TrustBrowser": factor.TrustBrowser, "ResetFactors": factor.ResetFactors, "Freeze": factor.Freeze, "Export": factor.Export,
	"DeleteAccount": factor.DeleteAccount, "DropAttached": factor.DropAttached, "Unfreeze": factor.Unfreeze,
}

var shows = map[string]factor.By{
	"ByNothing": factor.ByNothing, "ByFirstFactor": factor.ByFirstFactor, "ByConfirmation": factor.ByConfirmation,
	"BySession": factor.BySession,
	"ByLink":    factor.ByLink, "ByUpstream": factor.ByUpstream, "ByRegistration": factor.ByRegistration, "ByOperator": factor.ByOperator,
}

// declared lists the constants of a group in may.go, which begins with the one of the type.
func declared(t *testing.T, typ string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "may.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		if of, ok := group.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); !ok || of.Name != typ {
			continue
		}
		for _, s := range group.Specs {
			names = append(names, s.(*ast.ValueSpec).Names[0].Name)
		}
	}
	slices.Sort(names)
	return names
}

// state is what somebody shows, and has.
type state struct {
	proof factor.Proof
	has   factor.Account
	// The acts that are allowed, and those for which more is asked. All others are refused.
	allowed, confirm []factor.Act
}

func states(now time.Time) map[string]state {
	old := now.Add(-factor.Recent)
	recent := old.Add(time.Minute)
	rich := factor.Account{Password: true, Authenticator: true, Recovery: 3, Passkeys: 2, Logins: 2}
	plain := factor.Account{Password: true, Logins: 2}
	app := factor.Account{Password: true, Authenticator: true}
	outside := factor.Account{Logins: 2}
	frozen, disabled := rich, rich
	frozen.Frozen, disabled.Disabled = true, true
	proof := func(by factor.By, level factor.Level, at time.Time) factor.Proof {
		return factor.Proof{By: by, UserID: "ada", Level: level, At: at, Password: true, Both: true, Acts: slices.Collect(maps.Values(acts))}
	}
	with := func(p factor.Proof, change func(*factor.Proof)) factor.Proof {
		change(&p)
		return p
	}
	list := func(acts ...factor.Act) []factor.Act { return acts }
	own := list(factor.AddPasskey, factor.AddAuthenticator, factor.LinkLogin, factor.ChangeAddress, factor.Export, factor.DeleteAccount,
		factor.RemovePasskey, factor.RemoveAuthenticator, factor.UnlinkLogin)
	beside := append(slices.Clone(own), factor.MakeRecoveryCodes)
	all := slices.Collect(maps.Values(acts))
	first := with(proof(factor.ByFirstFactor, factor.Single, recent), func(p *factor.Proof) { p.Decided = factor.Enrol })
	ask := with(first, func(p *factor.Proof) { p.Decided = factor.Ask })
	none := with(first, func(p *factor.Proof) { p.Decided = factor.None })
	first2 := with(first, func(p *factor.Proof) { p.At = old })
	link := proof(factor.ByLink, factor.Single, time.Time{})
	empty := with(link, func(p *factor.Proof) { p.Acts = nil })
	anyEpoch := func(p *factor.Proof) { p.Epoch = factor.AnyEpoch }
	upstream := proof(factor.ByUpstream, factor.Single, time.Time{})
	multi, single := proof(factor.BySession, factor.Multi, recent), proof(factor.BySession, factor.Single, recent)
	unasked := func(p *factor.Proof) { p.Password, p.Both = false, false }
	return map[string]state{
		"nobody":                         {factor.Proof{By: factor.BySession, At: now, Level: factor.Resistant}, rich, nil, nil},
		"nothing":                        {proof(factor.ByNothing, factor.Resistant, now), rich, nil, nil},
		"first step, has to enrol":       {first, plain, list(factor.AddPasskey, factor.AddAuthenticator), nil},
		"first step, has to enrol, late": {first2, plain, nil, nil},
		"first step, enrolled meanwhile": {first, app, nil, nil},
		"first step, passkey meanwhile":  {first, factor.Account{Password: true, Passkeys: 1}, nil, nil},
		"first step, second is asked":    {ask, rich, nil, nil},
		"first step, second asked, gone": {ask, plain, nil, nil},
		"first step, none decided":       {none, plain, nil, nil},
		"confirmed, only logins": {proof(factor.ByConfirmation, factor.Single, recent), outside,
			list(factor.SetPassword, factor.AddPasskey, factor.AddAuthenticator, factor.Export, factor.DeleteAccount), all},
		"confirmed, only logins, late": {proof(factor.ByConfirmation, factor.Single, old), outside, nil, all},
		"confirmed, has a password":    {proof(factor.ByConfirmation, factor.Single, recent), plain, nil, all},
		"confirmed, has a factor": {proof(factor.ByConfirmation, factor.Single, recent), factor.Account{Passkeys: 1, Logins: 1}, nil,
			all},
		"acr 1, no second factor":      {single, plain, append(list(factor.ChangePassword), own...), nil},
		"acr 1, no second factor, old": {proof(factor.BySession, factor.Single, old), plain, list(factor.ChangePassword), own},
		"acr 1, no password":           {single, outside, append(list(factor.SetPassword), own...), nil},
		"acr 1, no password, old": {proof(factor.BySession, factor.Single, old), outside, nil,
			append(list(factor.SetPassword), own...)},
		"acr 1, has a second factor": {single, rich, nil, append(list(factor.ChangePassword), beside...)},
		"acr 2":                      {multi, rich, append(list(factor.ChangePassword, factor.TrustBrowser), beside...), nil},
		"acr 2, old": {proof(factor.BySession, factor.Multi, old), rich, nil,
			append(list(factor.ChangePassword), beside...)},
		"acr 2, nothing asked beside": {with(multi, unasked), rich, beside, list(factor.ChangePassword)},
		"acr phr": {proof(factor.BySession, factor.Resistant, recent), rich,
			append(list(factor.ChangePassword, factor.TrustBrowser), beside...), nil},
		"acr phr, old": {proof(factor.BySession, factor.Resistant, old), rich, nil,
			append(list(factor.ChangePassword), beside...)},
		"acr phr, frozen":    {proof(factor.BySession, factor.Resistant, recent), frozen, nil, nil},
		"acr phr, disabled":  {proof(factor.BySession, factor.Resistant, recent), disabled, nil, nil},
		"acr phr, any epoch": {with(proof(factor.BySession, factor.Resistant, recent), anyEpoch), rich, nil, nil},
		"link without acts":  {empty, rich, nil, nil},
		"link with all acts": {link, rich, all, nil},
		"link with all acts, frozen": {link, frozen,
			list(factor.ResetPassword, factor.VerifyAddress, factor.DropAttached, factor.Freeze), nil},
		"link with all acts, disabled":  {link, disabled, list(factor.Freeze), nil},
		"link with all acts, any epoch": {with(link, anyEpoch), rich, list(factor.Freeze), nil},
		"upstream":                      {upstream, rich, list(factor.UnlinkLogin, factor.VerifyAddress), nil},
		"upstream, any epoch":           {with(upstream, anyEpoch), rich, list(factor.UnlinkLogin), nil},
		"upstream, frozen":              {upstream, frozen, list(factor.UnlinkLogin), nil},
		"upstream, disabled":            {upstream, disabled, list(factor.UnlinkLogin), nil},
		"registration": {proof(factor.ByRegistration, factor.Single, time.Time{}), factor.Account{},
			list(factor.SetPassword, factor.AddPasskey, factor.LinkLogin), nil},
		"registration, has a password": {proof(factor.ByRegistration, factor.Single, time.Time{}), factor.Account{Password: true}, nil, nil},
		"registration, has a login":    {proof(factor.ByRegistration, factor.Single, time.Time{}), factor.Account{Logins: 1}, nil, nil},
		"registration, has a second factor": {proof(factor.ByRegistration, factor.Single, time.Time{}), factor.Account{Authenticator: true},
			nil, nil},
		"operator":           {with(proof(factor.ByOperator, factor.Single, time.Time{}), anyEpoch), rich, all, nil},
		"operator, disabled": {with(proof(factor.ByOperator, factor.Single, time.Time{}), anyEpoch), disabled, all, nil},
	}
}

func TestV01_EveryActByEverythingThatCanBeShown(t *testing.T) {
	for typ, named := range map[string][]string{"Act": slices.Sorted(maps.Keys(acts)), "By": slices.Sorted(maps.Keys(shows))} {
		if got := declared(t, typ); !slices.Equal(got, named) {
			t.Errorf("the table has these of %s: %v; declared are %v", typ, named, got)
		}
	}
	shown, allowed := map[factor.By]bool{}, map[factor.Act]bool{}
	for name, s := range states(time.Now()) {
		shown[s.proof.By] = true
		for actName, act := range acts {
			_, err := factor.May(s.proof, act, s.has)
			var want error
			switch {
			case slices.Contains(s.allowed, act):
				allowed[act] = allowed[act] || s.proof.By != factor.ByOperator && s.proof.By != factor.ByLink
			case slices.Contains(s.confirm, act):
				want = factor.ErrConfirm
			default:
				want = factor.ErrNotAllowed
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %s: got %v, want %v", name, actName, err, want)
			}
		}
	}
	for name, by := range shows {
		if !shown[by] {
			t.Errorf("nobody shows %s", name)
		}
	}
	byLinkOnly := []factor.Act{factor.ResetPassword, factor.ResetFactors, factor.Freeze, factor.DropAttached, factor.Unfreeze}
	for name, act := range acts {
		if allowed[act] == slices.Contains(byLinkOnly, act) {
			t.Errorf("%s: allowed otherwise than by a link and an operator: %v", name, allowed[act])
		}
	}
}

func TestV01_WhatAPersonIsLeftWith(t *testing.T) {
	session := factor.Proof{By: factor.BySession, UserID: "ada", Level: factor.Resistant, At: time.Now()}
	for name, tt := range map[string]struct {
		act  factor.Act
		has  factor.Account
		want error
	}{
		"only passkey":                        {factor.RemovePasskey, factor.Account{Passkeys: 1}, factor.ErrLast},
		"only passkey, with an authenticator": {factor.RemovePasskey, factor.Account{Passkeys: 1, Authenticator: true}, factor.ErrLast},
		"only passkey, login not usable":      {factor.RemovePasskey, factor.Account{Passkeys: 1, Unusable: 1}, factor.ErrLast},
		"one of two passkeys":                 {factor.RemovePasskey, factor.Account{Passkeys: 2}, nil},
		"passkey beside a password":           {factor.RemovePasskey, factor.Account{Passkeys: 1, Password: true}, nil},
		"passkey beside a login":              {factor.RemovePasskey, factor.Account{Passkeys: 1, Logins: 1}, nil},
		"required passkey": {factor.RemovePasskey, factor.Account{Passkeys: 1, Password: true, Required: true},
			factor.ErrNeeded},
		"required, passkey and authenticator": {factor.RemovePasskey,
			factor.Account{Passkeys: 1, Password: true, Authenticator: true, Required: true}, nil},
		"required, one of two passkeys": {factor.RemovePasskey, factor.Account{Passkeys: 2, Required: true}, nil},
		"required authenticator": {factor.RemoveAuthenticator,
			factor.Account{Authenticator: true, Password: true, Required: true}, factor.ErrNeeded},
		"required authenticator beside a passkey": {factor.RemoveAuthenticator,
			factor.Account{Authenticator: true, Passkeys: 1, Required: true}, nil},
		"authenticator":                       {factor.RemoveAuthenticator, factor.Account{Authenticator: true, Password: true}, nil},
		"only login":                          {factor.UnlinkLogin, factor.Account{Logins: 1}, factor.ErrLast},
		"only login, not usable":              {factor.UnlinkLogin, factor.Account{Unusable: 1}, factor.ErrLast},
		"one of two logins":                   {factor.UnlinkLogin, factor.Account{Logins: 2}, nil},
		"login beside a password":             {factor.UnlinkLogin, factor.Account{Logins: 1, Password: true}, nil},
		"login beside a passkey":              {factor.UnlinkLogin, factor.Account{Logins: 1, Passkeys: 1}, nil},
		"login beside one that is not usable": {factor.UnlinkLogin, factor.Account{Logins: 1, Unusable: 1}, nil}, // Ways knows which
	} {
		if _, err := factor.May(session, tt.act, tt.has); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

func TestV01_TheWayToAnUpstreamAndBackTakesTime(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, tt := range map[string]struct {
		act       factor.Act
		at, asked time.Time
		want      error
	}{
		"fresh then, back in time":  {factor.LinkLogin, ago(23 * time.Minute), ago(14 * time.Minute), nil},
		"fresh then, back too late": {factor.LinkLogin, ago(17 * time.Minute), ago(16 * time.Minute), factor.ErrConfirm},
		"old then":                  {factor.LinkLogin, ago(12 * time.Minute), ago(time.Minute), factor.ErrConfirm},
		"asked in the future":       {factor.LinkLogin, ago(20 * time.Minute), now.Add(time.Minute), factor.ErrConfirm},
		"not asked before":          {factor.LinkLogin, ago(12 * time.Minute), time.Time{}, factor.ErrConfirm},
		"another act":               {factor.AddPasskey, ago(12 * time.Minute), ago(5 * time.Minute), factor.ErrConfirm},
	} {
		p := factor.Proof{By: factor.BySession, UserID: "ada", Epoch: 3, Level: factor.Multi, At: tt.at, AskedAt: tt.asked}
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var stored factor.Proof
		if err := json.Unmarshal(raw, &stored); err != nil {
			t.Fatal(err)
		}
		permit, err := factor.May(stored, tt.act, factor.Account{Password: true, Authenticator: true})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if err == nil && (permit.UserID() != "ada" || permit.Epoch() != 3 || permit.Act() != tt.act) {
			t.Errorf("%s: permit for %q at %d to %d", name, permit.UserID(), permit.Epoch(), permit.Act())
		}
	}
}

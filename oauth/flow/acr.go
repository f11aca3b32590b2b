package flow

import "slices"

// Authentication context class references (OpenID Connect Core section 2), from weakest to strongest. What reaches one
// reaches all before it.
const (
	ACRSingle    = "1"   // one factor, such as a password
	ACRMulti     = "2"   // two factors
	ACRResistant = "phr" // a passkey: resistant to phishing (OpenID Connect EAP ACR Values)
)

// ACRs lists them, weakest first.
func ACRs() []string { return []string{ACRSingle, ACRMulti, ACRResistant} }

// Reaches reports whether a sign-in of class have satisfies a demand for want. What we do not know is never reached.
func Reaches(have, want string) bool {
	w := slices.Index(ACRs(), want)
	return w >= 0 && slices.Index(ACRs(), have) >= w
}

// known keeps the values that we know, in their order.
func known(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !slices.Contains(ACRs(), v) })
}

// demand is what a request says about the class of the sign-in.
type demand struct {
	any       []string // one of these will do
	essential bool     // or the request fails
}

// demands gives the demands of a request, the client's registration among them (seen.Required).
func (in Interaction) demands(s Seen) []demand {
	var list []demand
	if s.Required != "" {
		list = append(list, demand{[]string{s.Required}, true})
	}
	switch req := in.Request; {
	case len(req.EssentialACRs) > 0:
		list = append(list, demand{req.EssentialACRs, true})
	case len(known(req.ACRValues)) > 0:
		list = append(list, demand{known(req.ACRValues), false})
	}
	return list
}

func (d demand) reached(have string) bool {
	return slices.ContainsFunc(d.any, func(want string) bool { return Reaches(have, want) })
}

// Answer is the acr that tokens state: the strongest of the values asked for that the sign-in reaches, for an application
// compares what it gets with what it asked (Core section 5.5.1.1); without such, what the sign-in was. Less than the client's registration
// demands (required, "" = nothing) is never stated: its tokens would not do.
func Answer(req Request, have, required string) string {
	asked := req.EssentialACRs
	if len(asked) == 0 {
		asked = req.ACRValues
	}
	best := ""
	for _, want := range known(asked) {
		if Reaches(have, want) && (best == "" || Reaches(want, best)) && (required == "" || Reaches(want, required)) {
			best = want
		}
	}
	if best == "" {
		return have
	}
	return best
}

// Wanting reports whether a sign-in of class have leaves a demand of the request unmet, so that it is worth finding out what
// the person could do (Seen.Reachable).
func (in Interaction) Wanting(s Seen) bool {
	return slices.ContainsFunc(in.demands(s), func(d demand) bool { return !d.reached(s.ACR) })
}

// WantsTwo reports whether the request's demands are reached by two factors only.
func (r Request) WantsTwo() bool {
	asked := r.EssentialACRs
	if len(asked) == 0 {
		asked = known(r.ACRValues)
	}
	return len(asked) > 0 && !slices.Contains(asked, ACRSingle)
}

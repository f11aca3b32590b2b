package grants

import (
	"slices"
	"strings"

	"signet/clients"
	"signet/oauth/refusal"
)

// personal are the scopes that only make sense with a person (OpenID Connect Core sections 5.4 and 11): all of Signet's own.
var personal = clients.BuiltinScopes

// Narrow answers the scope parameter of a refresh (RFC 6749 section 6): granted is what the grant holds, kept the part of it
// that the client may still have, left what it asked for at authorize and the person did not allow. Asking for less is answered with
// less, for this access token only; what was left out is left out again; asking for anything else is invalid_scope.
func Narrow(granted, kept, left []string, asked string) ([]string, error) {
	if asked == "" {
		if len(kept) == 0 && len(granted) > 0 {
			return nil, refusal.InvalidScope("The client may no longer have any of the granted scopes.")
		}
		return kept, nil
	}
	var scopes []string
	for scope := range strings.SplitSeq(asked, " ") {
		switch {
		case scope == "":
		case !slices.Contains(granted, scope) && slices.Contains(left, scope): // clients repeat what they asked for
		case !slices.Contains(granted, scope):
			return nil, refusal.InvalidScope("A scope was not granted, or is unknown.")
		case slices.Contains(kept, scope) && !slices.Contains(scopes, scope):
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 {
		return nil, refusal.InvalidScope("None of the scopes is left to the client.")
	}
	return scopes, nil
}

// OfClient answers the scope parameter of a grant that begins at the token endpoint: what is asked must be the client's;
// without the parameter it is all the client has but the personal ones (RFC 6749 section 3.3). The personal ones may be
// asked only where there is a person.
func OfClient(c *clients.Client, asked string, person bool) ([]string, error) {
	var scopes []string
	if asked == "" {
		for _, scope := range c.Scopes() {
			if !slices.Contains(personal, scope) {
				scopes = append(scopes, scope)
			}
		}
		return scopes, nil
	}
	for scope := range strings.SplitSeq(asked, " ") {
		switch {
		case scope == "":
		case !slices.Contains(c.Scopes(), scope):
			return nil, refusal.InvalidScope("A scope is unknown, or not registered for this client.")
		case !person && slices.Contains(personal, scope):
			return nil, refusal.InvalidScope("A scope is about a person, and this grant has none.")
		case !slices.Contains(scopes, scope):
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}

package clients

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"signet/internal/loopback"
)

// validateSignout checks what a client registers for sign-out and for a sign-in that starts elsewhere (OpenID Connect Back-Channel Logout
// 1.0 section 2.2, Front-Channel Logout 1.0 section 2, Core section 4).
func (m Metadata) validateSignout() (errs []error) {
	add := func(field, uri, why string) { errs = append(errs, fmt.Errorf("%s: %q %s", field, uri, why)) }
	if u := m.BackchannelLogoutURI; u != "" {
		if why := webMistake(u); why != "" {
			add("backchannel_logout_uri", u, why)
		}
	}
	if u := m.FrontchannelLogoutURI; u != "" {
		if why := webMistake(u); why != "" {
			add("frontchannel_logout_uri", u, why)
		} else if !slices.Contains(originsOf(m.RedirectURIs), OriginOf(u)) {
			add("frontchannel_logout_uri", u, "must have the scheme, host and port of a redirect URI")
		}
	}
	if u := m.InitiateLoginURI; u != "" {
		if why := webMistake(u); why != "" {
			add("initiate_login_uri", u, why)
		} else if !strings.HasPrefix(u, "https://") {
			add("initiate_login_uri", u, "must be https")
		}
	}
	return errs
}

// webMistake says what is wrong with an address of a client that browsers or this server ask for, "" if nothing.
func webMistake(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > 512 || !redirectBytes(raw):
		return wantsURI
	case strings.Contains(raw, "#"):
		return "must not have a fragment"
	case u.User != nil:
		return "must not have a user name"
	case oddHost(u):
		return "must name its host by letters, digits, dots and hyphens"
	case OriginOf(raw) == "" || u.Hostname() == "":
		return "must be an https address"
	case u.Scheme == "http" && !loopback.Host(u.Hostname()):
		return "must be https unless its host is loopback"
	}
	return ""
}

// ToldOfSignout reports whether the client is told when a session ends in which it was used.
func (m Metadata) ToldOfSignout() bool {
	return m.BackchannelLogoutURI != "" || m.FrontchannelLogoutURI != ""
}

// LearnsSessions reports whether its ID tokens name the session (sid). Clients of a profile get that only where they have a use for it:
// they are told of sign-outs, or begin them.
func (m Metadata) LearnsSessions() bool {
	return !m.FAPI() || m.ToldOfSignout() || len(m.PostLogoutRedirectURIs) > 0
}

package checkup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/clients/logo"
	"signet/internal/egress"
	"signet/internal/loopback"
)

// Bounds of what one look asks for. Each address is asked once, whoever names it.
const (
	mostAddresses = 40
	atOnce        = 6
	longest       = 10 * time.Second // all together: somebody waits
)

// The kinds of address, by what is there.
type kind int

const (
	page     kind = iota // people's browsers are sent there: whether this server reaches it says little
	link                 // people read it
	endpoint             // this server, or a browser for it, sends something there
	keys                 // a set of keys
	picture              // a logo
	request              // a request object
	issuer               // an issuer of tokens of a platform
	document             // the metadata document of the app
	sector               // the document of its sector
)

// address is one that the app names.
type address struct {
	check, uri string
	kind       kind
}

// String is the address as findings have it: of ASCII alone, as addresses are (RFC 3986 section 2). Strangers register them, and a
// character that turns text around would have the finding say another thing.
func (a address) String() string {
	var text strings.Builder
	for _, b := range []byte(a.uri) {
		if b > ' ' && b <= '~' {
			text.WriteByte(b)
		} else {
			fmt.Fprintf(&text, "%%%02X", b)
		}
	}
	return text.String()
}

// all are the addresses of the app that are asked for, each once, those first that it cannot do without.
func (l *look) all() (list []address) {
	m := &l.app.Client.Metadata
	if l.app.Client.FromDocument() {
		list = append(list, address{"document", m.ClientID, document})
	}
	list = append(list, address{"jwks_uri", m.JWKSURI, keys})
	for i := range m.FederatedCredentials {
		f := &m.FederatedCredentials[i]
		if f.JWKS == nil && f.JWKSURI == "" {
			list = append(list, address{federated, f.Issuer, issuer})
		}
		list = append(list, address{federated, f.JWKSURI, keys})
	}
	list = append(list, address{"sector_identifier_uri", m.SectorIdentifierURI, sector},
		address{"backchannel_logout_uri", m.BackchannelLogoutURI, endpoint},
		address{"backchannel_client_notification_endpoint", m.BackchannelNotification, endpoint})
	list = several(list, "redirect_uris", page, m.RedirectURIs)
	list = append(list, address{"logo_uri", m.LogoURI, picture})
	list = several(list, "post_logout_redirect_uris", page, m.PostLogoutRedirectURIs)
	list = append(list, address{"frontchannel_logout_uri", m.FrontchannelLogoutURI, page},
		address{"initiate_login_uri", m.InitiateLoginURI, page})
	list = several(list, "request_uris", request, m.RequestURIs)
	list = append(list, address{"policy_uri", m.PolicyURI, link}, address{"tos_uri", m.TOSURI, link}, address{"client_uri", m.ClientURI, link})
	for _, name := range slices.Sorted(maps.Keys(m.Localized)) {
		if member, _, _ := strings.Cut(name, "#"); member == "logo_uri" {
			list = append(list, address{member, m.Localized[name], picture})
		} else if strings.HasSuffix(member, "_uri") {
			list = append(list, address{member, m.Localized[name], link})
		}
	}
	seen := map[address]bool{}
	once := list[:0]
	for _, a := range list {
		if same := (address{"", a.uri, a.kind}); a.uri != "" && !seen[same] {
			seen[same] = true
			once = append(once, a)
		}
	}
	return once
}

const federated = "federated_credentials"

func several(list []address, check string, k kind, uris []string) []address {
	for _, uri := range uris {
		list = append(list, address{check, uri, k})
	}
	return list
}

// addresses asks for each, some at once.
func (l *look) addresses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	all := l.all()
	late := all[min(len(all), mostAddresses):]
	all = all[:len(all)-len(late)]
	answers := make([]look, len(all))
	var wait sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, a := range all {
		answers[i] = look{Checker: l.Checker, app: l.app, now: l.now}
		wait.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			answers[i].ask(ctx, a)
		})
	}
	wait.Wait()
	for i := range answers {
		l.found = append(l.found, answers[i].found...)
	}
	if len(late) > 0 {
		l.notice("addresses", "Remove those that are not used.", "it names %d addresses, %d of which were not asked for", len(all)+len(late),
			len(late))
	}
}

// remote reports whether an address is asked for: by https, and not on the computer of whoever signs in.
func remote(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

func (l *look) ask(ctx context.Context, a address) {
	if !remote(a.uri) {
		if u, err := url.Parse(a.uri); err == nil && a.kind == endpoint && loopback.Host(u.Hostname()) {
			l.notice(a.check, "Register an https address before it goes live.", "%s is on the computer of the app alone", a)
		}
		return
	}
	if ctx.Err() != nil {
		l.notice(a.check, "Check again.", "%s was not asked for: others took too long", a)
		return
	}
	switch a.kind {
	case keys:
		l.askKeys(ctx, a)
	case picture:
		l.askPicture(ctx, a)
	case issuer:
		l.askIssuer(ctx, a)
	case document:
		l.askDocument(ctx, a)
	case sector:
		if err := l.o.Sector(ctx, l.app.Client.Metadata); err != nil {
			l.problem(a.check, "Have the document list each redirect URI (OpenID Connect Core section 8.1).",
				"%s is not a document there that lists all redirect URIs", a)
		} else {
			l.good(a.check, "its document lists all redirect URIs")
		}
	default:
		l.askStatus(ctx, a)
	}
}

const (
	unreached = "Check the name, the server and its port: this server asks for addresses on the public network only."
	// of what browsers alone have to reach
	perhaps = unreached + " If only people's browsers have to reach it, in a network of their own, all is well."
)

// why says why an address gave no answer. It is the same for a name that is not there, one that leads inside, and a port where nobody is:
// else whoever may register addresses could look around inside. What a certificate lacks is told: only those are dialled that anybody can.
func why(err error) string {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		if wrong, is := errors.AsType[x509.CertificateInvalidError](bad.Err); is && wrong.Reason == x509.Expired {
			return "its certificate has ended, or has not begun"
		}
		if _, is := errors.AsType[x509.HostnameError](bad.Err); is {
			return "its certificate is for another host"
		}
		return "its certificate is not one that this server trusts"
	}
	switch {
	case errors.Is(err, egress.ErrURL):
		return "was not asked for: this server asks for addresses at port 443"
	case errors.Is(err, egress.ErrOff):
		return "was not asked for: this server asks for no addresses"
	case errors.Is(err, egress.ErrBusy):
		return "was not asked for: too many are at once"
	case errors.Is(err, egress.ErrAnswer):
		return "its answer is a redirect, too large, compressed, or of another type than is wanted"
	}
	return "no server answered in time"
}

// missed reports whether an address was not asked for because others were, which says nothing of the app.
func (l *look) missed(a address, err error) bool {
	if !errors.Is(err, egress.ErrBusy) {
		return false
	}
	l.notice(a.check, "Check again.", "%s %s", a, why(err))
	return true
}

// askStatus asks for what only has to be there.
func (l *look) askStatus(ctx context.Context, a address) {
	at, _, _ := strings.Cut(a.uri, "#")
	got, err := l.o.Out.Fetch(ctx, egress.Request{URL: at, StatusOnly: true})
	remedy := unreached
	if a.kind == page {
		remedy = perhaps
	}
	switch {
	case l.missed(a, err):
	case a.kind == page && (errors.Is(err, egress.ErrURL) || errors.Is(err, egress.ErrOff)):
		l.good(a.check, "%s: %s", a, why(err))
	case err != nil && a.kind == endpoint:
		l.problem(a.check, remedy, "%s: %s: the app is not told of what happens here", a, why(err))
	case err != nil:
		l.notice(a.check, remedy, "%s: %s", a, why(err))
	case got.Status >= http.StatusInternalServerError:
		l.notice(a.check, "Look into the log of the server there.", "%s: it answers with status %d", a, got.Status)
	case a.kind == endpoint && got.Status >= 300 && got.Status < 400:
		l.problem(a.check, "Register the address that it redirects to: this server follows no redirect.",
			"%s: it answers with a redirect (%d)", a, got.Status)
	case a.kind == endpoint && got.Status == http.StatusNotFound:
		l.notice(a.check, "Check the path. Where it takes nothing but POST, and says so in this way, all is well.",
			"%s: it answers a GET with status 404", a)
	case a.kind == request && got.Status != http.StatusOK:
		l.notice(a.check, "Put the request object there, or remove the address.", "%s: it answers with status %d, not 200", a, got.Status)
	case got.Status == http.StatusNotFound || got.Status == http.StatusGone:
		l.notice(a.check, "Check the path.", "%s: it answers with status %d", a, got.Status)
	case a.kind == link && got.Status >= 400:
		l.notice(a.check, "Let everybody read it.", "%s: it answers with status %d", a, got.Status)
	default:
		l.good(a.check, "%s: it answers (status %d)", a, got.Status)
	}
}

// askPicture asks for a logo.
func (l *look) askPicture(ctx context.Context, a address) {
	const remedy = "Put a PNG, JPEG or GIF there, of at most 1024 pixels a side and 128 KiB: until then people see none."
	got, err := l.o.Out.Fetch(ctx, egress.Request{URL: a.uri, Types: logo.Types})
	switch {
	case l.missed(a, err):
	case err != nil:
		l.notice(a.check, remedy, "%s: %s", a, why(err))
	case got.Status != http.StatusOK:
		l.notice(a.check, remedy, "%s: it answers with status %d, not 200", a, got.Status)
	case logo.Check(got.Body) != nil:
		l.notice(a.check, remedy, "%s: what is there is not a picture that is taken", a)
	default:
		l.good(a.check, "%s: it is a picture that is taken", a)
	}
}

// askDocument reads the metadata document of the app, and compares it with what is known of it here.
func (l *look) askDocument(ctx context.Context, a address) {
	m, err := l.o.Document(ctx, a.uri)
	switch {
	case err != nil:
		_, text, _ := strings.Cut(err.Error(), ": ")
		l.problem(a.check, "Mend the document at the app's id: what was read last counts for a day.", "%s", text)
	case m.DocumentHash != l.app.Client.DocumentHash:
		l.notice(a.check, "Look at it: people are asked again when they sign in next.",
			"the document says another thing now than people agreed to")
	default:
		l.good(a.check, "the document is there, and says what it said")
	}
}

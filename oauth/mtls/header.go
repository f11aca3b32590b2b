package mtls

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// Form is how a proxy writes the certificate that a client showed to it.
type Form string

// The forms.
const (
	RFC9440       Form = "rfc9440"        // Client-Cert: :base64 DER:, and beside it Client-Cert-Chain
	PEMURLEncoded Form = "pem_urlencoded" // nginx, load balancers; also base64 DER, separated by commas (Traefik)
	XFCC          Form = "xfcc"           // Envoy's X-Forwarded-Client-Cert
)

// Forms are all of them.
func Forms() []Form { return []Form{RFC9440, PEMURLEncoded, XFCC} }

// What is read of a header.
const (
	maxHeader = 16 << 10
	maxRSA    = 8192 // bits, as crypto/tls takes at most
)

var (
	errSeveral   = errors.New("there are several certificates of clients")
	errMalformed = errors.New("the certificate is malformed")
)

// OfHeader reads the lines of a header that a proxy wrote, and those of the chain beside it, which RFC 9440 has. Nil = the client showed
// none. Whoever wrote it has to be trusted: nothing here proves that the client has the key.
func OfHeader(form Form, lines, chain []string) (*Certificate, error) {
	switch {
	case len(lines) == 0:
		return nil, nil
	case len(lines) > 1:
		return nil, errSeveral
	case len(lines[0]) > maxHeader:
		return nil, errMalformed
	}
	value := strings.Trim(lines[0], " \t")
	if value == "" || value == "::" { // of a proxy that writes the header whether or not there is a certificate
		return nil, nil
	}
	var all []*x509.Certificate
	var err error
	switch form {
	case RFC9440:
		all, err = binaries(append([]string{value}, chain...))
	case PEMURLEncoded:
		all, err = escapedPEM(value)
	case XFCC:
		all, err = element(value)
	default:
		return nil, errMalformed
	}
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || len(all) > maxChain || slices.ContainsFunc(all, huge) {
		return nil, errMalformed
	}
	return &Certificate{Leaf: all[0], Chain: all[1:]}, nil
}

// huge keys take long to verify with. Where a client's connection ends here, crypto/tls refuses them.
func huge(c *x509.Certificate) bool {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && k.N.BitLen() > maxRSA
}

// binaries reads byte sequences of RFC 8941: the item of the certificate, and the lists of what comes with it (RFC 9440 section 2).
func binaries(lines []string) (all []*x509.Certificate, err error) {
	for i, line := range lines {
		if len(line) > maxHeader || i > maxChain {
			return nil, errMalformed
		}
		for j, item := range strings.SplitN(line, ",", maxChain+2) {
			if i == 0 && j > 0 {
				return nil, errSeveral
			}
			item, ok := strings.CutPrefix(strings.Trim(item, " \t"), ":")
			if item, ok = cutSuffix(item, ":", ok); !ok {
				return nil, errMalformed
			}
			if all, err = decoded(all, item); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func cutSuffix(s, suffix string, ok bool) (string, bool) {
	s, found := strings.CutSuffix(s, suffix)
	return s, ok && found
}

// decoded adds the certificate of a text in base64.
func decoded(all []*x509.Certificate, text string) ([]*x509.Certificate, error) {
	if len(all) >= maxChain {
		return nil, errMalformed
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errMalformed
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errMalformed
	}
	return append(all, c), nil
}

const (
	begin = "-----BEGIN CERTIFICATE-----"
	end   = "-----END CERTIFICATE-----"
)

// escapedPEM reads certificates in PEM form that were escaped for a header; the client's own is the first. Line breaks may have become
// blanks, and the lines of begin and end may be missing, as Traefik leaves them out.
func escapedPEM(value string) (all []*x509.Certificate, err error) {
	text, err := url.PathUnescape(value) // a + is one of base64
	if err != nil {
		return nil, errMalformed
	}
	parts := strings.SplitN(text, ",", maxChain+2)
	if strings.Contains(text, begin) {
		parts = strings.SplitAfterN(strings.TrimSpace(text), end, maxChain+2)
		if last := len(parts) - 1; parts[last] == "" { // behind the last end
			parts = parts[:last]
		}
	}
	blanks := strings.NewReplacer("\r", "", "\n", "", " ", "", "\t", "")
	for _, part := range parts {
		if strings.Contains(text, begin) {
			var ok bool
			part, ok = strings.CutPrefix(strings.TrimSpace(part), begin)
			if part, ok = cutSuffix(part, end, ok); !ok {
				return nil, errMalformed
			}
		}
		if all, err = decoded(all, blanks.Replace(part)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// element reads the one element of Envoy's header: pairs of name and value, separated by semicolons. Several elements are of several
// proxies, of which any but the last may be what a client wrote.
func element(value string) ([]*x509.Certificate, error) {
	var cert, chain string
	for rest, more := value, true; more; {
		var name, text string
		var err error
		if name, text, rest, more, err = pair(rest); err != nil {
			return nil, err
		}
		var to *string
		switch strings.ToLower(name) {
		case "cert":
			to = &cert
		case "chain":
			to = &chain
		default:
			continue
		}
		if *to != "" {
			return nil, errSeveral
		}
		*to = text
	}
	if cert == "" {
		return nil, errors.New("the header has no Cert; have the proxy send it")
	}
	all, err := escapedPEM(cert)
	if err != nil || chain == "" {
		return all, err
	}
	between, err := escapedPEM(chain)
	if err != nil || len(all) != 1 {
		return nil, errMalformed
	}
	if between[0].Equal(all[0]) { // the chain begins with the client's own
		between = between[1:]
	}
	return append(all, between...), nil
}

// pair reads one name=value; the value may be quoted, with backslashes before what is meant as it is.
func pair(text string) (name, value, rest string, more bool, err error) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || name == "" || strings.ContainsAny(name, `",;`) {
		return "", "", "", false, errMalformed
	}
	if !strings.HasPrefix(rest, `"`) {
		i := strings.IndexAny(rest, ",;\"")
		if i < 0 {
			return name, rest, "", false, nil
		}
		value, rest = rest[:i], rest[i:]
	} else {
		var b strings.Builder
		i := 1
		for ; i < len(rest) && rest[i] != '"'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			b.WriteByte(rest[i])
		}
		if i >= len(rest) {
			return "", "", "", false, errMalformed
		}
		value, rest = b.String(), rest[i+1:]
	}
	switch {
	case rest == "":
		return name, value, "", false, nil
	case rest[0] == ',':
		return "", "", "", false, errSeveral
	case rest[0] == ';':
		return name, value, rest[1:], true, nil
	}
	return "", "", "", false, errMalformed
}

package clients

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"signet/internal/loopback"
)

// Subject types (OpenID Connect Core section 8).
const (
	SubjectPublic   = "public"
	SubjectPairwise = "pairwise"
)

// Pairwise reports whether the client knows people by names of its sector only.
func (m Metadata) Pairwise() bool { return m.SubjectType == SubjectPairwise }

// Sector is the host that decides which clients call a person by the same name; "" where it cannot be told (OpenID Connect Core section
// 8.1). The port does not count.
func (m Metadata) Sector() string {
	if m.SectorIdentifierURI != "" {
		return hostOf(m.SectorIdentifierURI)
	}
	hosts := m.hosts()
	if len(hosts) != 1 || loopback.Host(hosts[0]) { // everybody's apps on this computer have that host
		return ""
	}
	return hosts[0]
}

// hosts of the redirect URIs, each once.
func (m Metadata) hosts() (hosts []string) {
	for _, u := range m.RedirectURIs {
		if h := hostOf(u); !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func (m Metadata) validateSubject() (errs []error) {
	switch m.SubjectType {
	case "", SubjectPublic, SubjectPairwise:
	default:
		errs = append(errs, fmt.Errorf("subject_type: %q is not offered; use public or pairwise", m.SubjectType))
	}
	if m.SectorIdentifierURI != "" && !httpsLink(m.SectorIdentifierURI) {
		errs = append(errs, errors.New("sector_identifier_uri: "+wantsLink))
	}
	if m.Pairwise() && m.Sector() == "" {
		errs = append(errs,
			errors.New("sector_identifier_uri: is needed with subject_type pairwise where redirect URIs have several hosts, none, or loopback"))
	}
	return errs
}

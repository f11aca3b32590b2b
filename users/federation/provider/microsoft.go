package provider

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const (
	microsoftTenant   = "{tenantid}"                           // in the issuer of documents that are for many tenants
	microsoftPersonal = "9188040d-6c67-4c5b-b112-36a304b66dad" // tenant of personal accounts
)

var (
	microsoftID   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	microsoftName = regexp.MustCompile(`^[0-9a-z][0-9a-z.-]*$`)
)

// newMicrosoft is learn.microsoft.com/entra/identity-platform/v2-protocols-oidc. An identity is known by the issuer, which names
// the person's tenant, and sub, which is another one for each app.
func newMicrosoft(s Settings, client *http.Client) (Provider, error) {
	host := strings.TrimSuffix(cmp.Or(s.Issuer, "https://login.microsoftonline.com"), "/")
	tenant := strings.ToLower(cmp.Or(s.Tenant, "common"))
	if !microsoftName.MatchString(tenant) {
		return nil, fmt.Errorf("tenant: %q must be an id, a domain, or one of common, organizations and consumers", s.Tenant)
	}
	issuerOf := func(tid string) string { return host + "/" + tid + "/v2.0" }
	// tenantOf is the tenant that an issuer names; "" if it names none.
	tenantOf := func(issuer string) string {
		tid := strings.TrimSuffix(strings.TrimPrefix(issuer, host+"/"), "/v2.0")
		if issuer != issuerOf(tid) || !microsoftID.MatchString(tid) {
			return ""
		}
		return tid
	}
	return newOpenid(s, client, oidcQuirks{
		base:       issuerOf(tenant),
		keyIssuers: true,
		noAuthTime: true,
		document: func(issuer string) bool {
			switch {
			case tenant == "common" || tenant == "organizations":
				return issuer == issuerOf(microsoftTenant)
			case tenant == "consumers":
				return issuer == issuerOf(microsoftPersonal) || issuer == issuerOf(microsoftTenant)
			case microsoftID.MatchString(tenant):
				return issuer == issuerOf(tenant)
			}
			return tenantOf(issuer) != "" // asked for by its domain, named by its id
		},
		issuer: func(m openidMetadata, iss string, token map[string]any) (string, bool) {
			tid := tenantOf(iss)
			if token != nil && token["tid"] != tid || tid == "" {
				return "", false
			}
			switch tenant {
			case "organizations":
				return iss, tid != microsoftPersonal && m.Issuer == issuerOf(microsoftTenant)
			case "consumers":
				return iss, tid == microsoftPersonal
			}
			return iss, iss == strings.Replace(m.Issuer, microsoftTenant, tid, 1)
		},
		finish: func(i *Identity, _ url.Values) error {
			i.EmailVerified = microsoftOwned(i.IDToken, i.Email)
			return nil
		},
	})
}

// microsoftOwned reports whether the owner of an address's domain stands behind it. email is whatever a tenant's administrator wrote
// there; xms_edov, an optional claim that the app's registration has to ask for, tells that the domain's owner is that tenant. Even
// so the word is the administrator's (N05). It speaks of the address in the same token only, not of one that came
// from the userinfo endpoint. idToken is verified.
func microsoftOwned(idToken, email string) bool {
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var token map[string]any
	if json.Unmarshal(payload, &token) != nil || email == "" || token["email"] != email {
		return false
	}
	owned := token["xms_edov"]
	return owned == true || owned == float64(1)
}

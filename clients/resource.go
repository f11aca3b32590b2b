package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"signet/clients/detail"
	"signet/clients/tools"
	"signet/storage"
)

// Resource is an API that access tokens are for (RFC 8707).
type Resource struct {
	Identifier string   `json:"identifier"`
	Name       string   `json:"name"`
	Scopes     []string `json:"scopes,omitempty"`
	// Details are what it says about its scopes, by their names; a scope without any is shown by its name.
	Details        map[string]ScopeDetails `json:"scope_details,omitempty"`
	IntrospectedBy []string                `json:"introspected_by,omitempty"` // client ids that may ask about its tokens (RFC 7662)
	ExchangedBy    []string                `json:"exchanged_by,omitempty"`    // … that are the resource, and may exchange them (RFC 8693)
	// How people have to sign in for it (RFC 9470): with two factors, and at most so many seconds ago (0 = any time). A first token does.
	RequireSecondFactor bool  `json:"require_second_factor,omitempty"`
	MaxAge              int64 `json:"max_age,omitempty"`
	// DetailsTypes of authorization details that it takes (RFC 9396).
	DetailsTypes []detail.Type `json:"authorization_details,omitempty"`
	// Open: clients that nobody registered, known by their metadata documents, may get tokens for it, if people agree.
	Open     bool `json:"open,omitempty"`
	Declared bool `json:"declared"`

	own bool // Signet's, see OfSignet
}

// reservedPrefix begins the names that are Signet's own: scopes that stand for administrators' permissions, which only first-party clients
// may register, and client ids.
const reservedPrefix = "signet:"

// OfSignet is the resource as an API of Signet itself: its scopes may have the reserved prefix, and discovery does not list them.
func (r Resource) OfSignet() Resource {
	r.Declared, r.own = true, true
	return r
}

// OfTools reports whether the resource is the tools for administrators' MCP clients.
func (r Resource) OfTools() bool { return r.own && slices.ContainsFunc(r.Scopes, tools.Is) }

// Validate reports every mistake at once.
func (r Resource) Validate() error {
	var errs []error
	u, err := url.Parse(r.Identifier)
	if err != nil || !u.IsAbs() || strings.Contains(r.Identifier, "#") || !redirectBytes(r.Identifier) || len(r.Identifier) > 512 {
		errs = append(errs, fmt.Errorf("identifier: %q must be an absolute URI without a fragment (RFC 8707 section 2)", r.Identifier))
	}
	if utf8.RuneCountInString(r.Name) > 80 || !plainText(r.Name) {
		errs = append(errs, errors.New("name: use at most 80 characters, none of them invisible"))
	}
	for _, list := range []struct {
		field string
		ids   []string
	}{{"introspected_by", r.IntrospectedBy}, {"exchanged_by", r.ExchangedBy}} {
		for _, id := range list.ids {
			if !validID(id) {
				errs = append(errs, fmt.Errorf("%s: %q is not a client id", list.field, id))
			}
		}
	}
	if r.MaxAge < 0 || r.MaxAge > 365*24*60*60 {
		errs = append(errs, errors.New("max_age: use seconds, a year at most; 0 is any age"))
	}
	for i, s := range r.Scopes {
		switch {
		case slices.Contains(r.Scopes[:i], s):
			errs = append(errs, fmt.Errorf("scopes: %q is there twice", s))
		case !validScope(s):
			errs = append(errs, fmt.Errorf("scopes: %q has characters a scope must not have", s))
		case strings.HasPrefix(s, reservedPrefix) && !r.own:
			errs = append(errs, fmt.Errorf("scopes: %q: names that begin with %s are Signet's own", s, reservedPrefix))
		case slices.Contains(BuiltinScopes, s):
			errs = append(errs, fmt.Errorf("scopes: %q belongs to Signet itself", s))
		}
	}
	if r.Open && r.own {
		errs = append(errs, errors.New("open: what administers this server is for clients that somebody registered"))
	}
	for _, s := range slices.Sorted(maps.Keys(r.Details)) {
		if !slices.Contains(r.Scopes, s) {
			errs = append(errs, fmt.Errorf("scopes: %q has details and is not a scope of this resource", s))
			continue
		}
		errs = append(errs, r.Details[s].validate(s)...)
	}
	return errors.Join(append(errs, detail.Validate(r.DetailsTypes)...)...)
}

// signIn is the JSON of the column of that name.
type signIn struct {
	SecondFactor bool  `json:"second_factor,omitempty"`
	MaxAge       int64 `json:"max_age,omitempty"`
}

// rowOf is how a resource is stored.
func rowOf(r Resource) (storage.Resource, error) {
	row := storage.Resource{
		Identifier: r.Identifier, Name: r.Name, Scopes: r.Scopes, IntrospectedBy: r.IntrospectedBy, ExchangedBy: r.ExchangedBy,
		IsOpen: r.Open, CreatedAt: time.Now(),
	}
	if len(r.Details) > 0 {
		raw, err := json.Marshal(r.Details)
		if err != nil {
			return row, fmt.Errorf("write the scope details of %q: %w", r.Identifier, err)
		}
		row.ScopeDetails = string(raw)
	}
	if how := (signIn{r.RequireSecondFactor, r.MaxAge}); how != (signIn{}) {
		raw, err := json.Marshal(how)
		if err != nil {
			return row, fmt.Errorf("write how people sign in for %q: %w", r.Identifier, err)
		}
		row.SignIn = string(raw)
	}
	if len(r.DetailsTypes) > 0 {
		raw, err := json.Marshal(r.DetailsTypes)
		if err != nil {
			return row, fmt.Errorf("write the types of authorization details of %q: %w", r.Identifier, err)
		}
		row.DetailsTypes = string(raw)
	}
	return row, nil
}

// resourceOf reads a stored one. Details of scopes that it has no more, which a release without details may leave behind, do not count.
func resourceOf(row storage.Resource) (Resource, error) {
	r := Resource{
		Identifier: row.Identifier, Name: row.Name, Scopes: row.Scopes, IntrospectedBy: row.IntrospectedBy, ExchangedBy: row.ExchangedBy,
		Open: row.IsOpen,
	}
	if row.SignIn != "" {
		var how signIn
		if err := json.Unmarshal([]byte(row.SignIn), &how); err != nil {
			return r, fmt.Errorf("read how people sign in for %q: %w", row.Identifier, err)
		}
		r.RequireSecondFactor, r.MaxAge = how.SecondFactor, how.MaxAge
	}
	if row.DetailsTypes != "" {
		if err := json.Unmarshal([]byte(row.DetailsTypes), &r.DetailsTypes); err != nil {
			return r, fmt.Errorf("read the types of authorization details of %q: %w", row.Identifier, err)
		}
	}
	if row.ScopeDetails == "" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(row.ScopeDetails), &r.Details); err != nil {
		return r, fmt.Errorf("read the scope details of %q: %w", row.Identifier, err)
	}
	maps.DeleteFunc(r.Details, func(scope string, _ ScopeDetails) bool { return !slices.Contains(r.Scopes, scope) })
	return r, nil
}

// sameIdentifier compares as Find does.
func sameIdentifier(a, b string) bool { return identifierKey(a) == identifierKey(b) }

// identifierKey is what two spellings of one identifier have in common (RFC 3986 sections 6.2.2.1, 6.2.3 and 6.2.4): scheme and host in
// lower case, without the scheme's own port and without a trailing slash. Path and query are as they are.
func identifierKey(id string) string {
	scheme, rest, ok := strings.Cut(id, ":")
	if !ok {
		return strings.TrimSuffix(id, "/")
	}
	scheme = strings.ToLower(scheme)
	after, hierarchical := strings.CutPrefix(rest, "//")
	if !hierarchical {
		return scheme + ":" + strings.TrimSuffix(rest, "/")
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	authority, path := after[:end], after[end:]
	at := strings.LastIndexByte(authority, '@') + 1
	host := strings.ToLower(authority[at:])
	if own := map[string]string{"https": ":443", "http": ":80"}[scheme]; own != "" {
		host = strings.TrimSuffix(strings.TrimSuffix(host, own), ":")
	}
	if !strings.Contains(path, "?") {
		path = strings.TrimSuffix(path, "/")
	}
	return scheme + "://" + authority[:at] + host + path
}

// Resources is the set of all resources at one moment; immutable.
type Resources struct {
	all     []Resource
	byID    map[string]int   // as registered, and by identifierKey
	byScope map[string][]int // owners of a scope

	byDetails map[string][2]int // the owner of a type of authorization details, and which of its types it is
}

func newResources(all []Resource) *Resources {
	rs := &Resources{all: all, byID: map[string]int{}, byScope: map[string][]int{}, byDetails: map[string][2]int{}}
	for i, r := range all {
		rs.byID[identifierKey(r.Identifier)], rs.byID[r.Identifier] = i, i
		for _, s := range r.Scopes {
			rs.byScope[s] = append(rs.byScope[s], i)
		}
		for j, t := range r.DetailsTypes {
			if _, taken := rs.byDetails[t.Type]; !taken {
				rs.byDetails[t.Type] = [2]int{i, j}
			}
		}
	}
	return rs
}

// All of them; do not change the slice.
func (rs *Resources) All() []Resource { return rs.all }

// Find tolerates other spellings of the same identifier; the found one is spelled as registered.
func (rs *Resources) Find(identifier string) (Resource, bool) {
	i, ok := rs.byID[identifier]
	if !ok {
		i, ok = rs.byID[identifierKey(identifier)]
	}
	if !ok {
		return Resource{}, false
	}
	return rs.all[i], true
}

// Owners of a scope.
func (rs *Resources) Owners(scope string) []Resource {
	var owners []Resource
	for _, i := range rs.byScope[scope] {
		owners = append(owners, rs.all[i])
	}
	return owners
}

// ScopeOwners are those whose details count where a request names resources: the owners among those named, else every owner.
func (rs *Resources) ScopeOwners(scope string, named []string) []Resource {
	owners := rs.Owners(scope)
	asked := slices.DeleteFunc(slices.Clone(owners), func(r Resource) bool {
		return !slices.ContainsFunc(named, func(id string) bool { return sameIdentifier(id, r.Identifier) })
	})
	if len(asked) > 0 {
		return asked
	}
	return owners
}

// Asking is how a scope is asked for: required where every resource says so that it belongs to, sensitive where one of them does.
func (rs *Resources) Asking(scope string, named []string) (required, sensitive bool) {
	owners := rs.ScopeOwners(scope, named)
	required = len(owners) > 0
	for _, r := range owners {
		d := r.Details[scope]
		required, sensitive = required && d.Required, sensitive || d.Sensitive
	}
	return required, sensitive
}

// WithoutScopes reports whether none of the resources has scopes: a token for them alone has none either.
func (rs *Resources) WithoutScopes(identifiers []string) bool {
	return !slices.ContainsFunc(identifiers, func(id string) bool { r, _ := rs.Find(id); return len(r.Scopes) > 0 })
}

// Known reports whether the scope is built in or some resource's.
func (rs *Resources) Known(scope string) bool {
	return slices.Contains(BuiltinScopes, scope) || len(rs.byScope[scope]) > 0
}

// Scopes of all resources but Signet's own and the built-in ones, sorted by resource.
func (rs *Resources) Scopes() []string {
	all := slices.Clone(BuiltinScopes)
	for _, r := range rs.all {
		if r.own {
			continue
		}
		for _, s := range r.Scopes {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

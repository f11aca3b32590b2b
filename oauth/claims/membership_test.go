package claims_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"signet/oauth/claims"
)

type store struct {
	reads int
	err   error
}

func (b *store) GroupsOfUser(context.Context, string) ([]string, error) {
	b.reads++
	return []string{"board", "staff"}, b.err
}

func (b *store) RolesOfUser(context.Context, string) ([]string, error) {
	b.reads++
	return nil, b.err
}

func (b *store) UserMetadata(context.Context, string) (json.RawMessage, error) {
	b.reads++
	return json.RawMessage(`{"department":"Sales","level":3}`), b.err
}

func TestMembershipsByScopeByClientOrNotAtAll(t *testing.T) {
	both := []string{"board", "staff"}
	for name, tt := range map[string]struct {
		scopes        []string
		names         []string // of the claims parameter
		groups, roles string   // the client's names
		filter        []string // the client's, of groups
		want          claims.Memberships
		reads         int
	}{
		"nothing asked":           {scopes: []string{"openid", "profile"}},
		"by scope":                {scopes: []string{"groups", "roles"}, want: claims.Memberships{"groups": both, "roles": {}}, reads: 2},
		"by the claims parameter": {names: []string{"email", "groups"}, want: claims.Memberships{"groups": both}, reads: 1},
		"by the client's name": {groups: "https://app.example/groups", want: claims.Memberships{"https://app.example/groups": both},
			reads: 1},
		"the client's name wins": {scopes: []string{"roles"}, roles: "permissions", want: claims.Memberships{"permissions": {}}, reads: 1},
		"filtered, one by name": {scopes: []string{"groups"}, filter: []string{"staff", "st"},
			want: claims.Memberships{"groups": {"staff"}}, reads: 1},
		"filtered, by a beginning": {groups: "g", filter: []string{"bo*"}, want: claims.Memberships{"g": {"board"}}, reads: 1},
		"filtered, none": {names: []string{"groups"}, filter: []string{"STAFF", "oard*", "*x"},
			want: claims.Memberships{"groups": {}}, reads: 1},
		"filtered, all by a star": {scopes: []string{"groups"}, filter: []string{"*"}, want: claims.Memberships{"groups": both}, reads: 1},
		"filtered, roles stay": {scopes: []string{"roles", "groups"}, filter: []string{"x"},
			want: claims.Memberships{"groups": {}, "roles": {}}, reads: 2},
		"both under one name become": {groups: "all", roles: "all", want: claims.Memberships{"all": both}, reads: 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := new(store)
			got, err := claims.Want(tt.scopes, tt.names, tt.groups, tt.roles, tt.filter).Read(t.Context(), b, "u1")
			if err != nil || !reflect.DeepEqual(got, tt.want) || b.reads != tt.reads {
				t.Errorf("got %v (%v) with %d reads, want %v with %d", got, err, b.reads, tt.want, tt.reads)
			}
			out := claims.Userinfo(ada, got, []string{"openid"}, claims.Param{})
			for claim, list := range tt.want {
				if !reflect.DeepEqual(out[claim], list) {
					t.Errorf("%s: got %v", claim, out[claim])
				}
			}
		})
	}
	broken := errors.New("no database")
	if _, err := claims.Want([]string{"roles"}, nil, "", "", nil).Read(t.Context(), &store{err: broken}, "u1"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

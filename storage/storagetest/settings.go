package storagetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"signet/storage"
)

func settings(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	before, err := db.Versions(ctx)
	ok(t, err)
	insert := func(id, data string, sealed []byte) int64 {
		t.Helper()
		version, err := db.InsertSetting(ctx, id, []byte(data), sealed)
		ok(t, err)
		return version
	}
	b := insert("upstreams/b", `{"kind":"oidc"}`, []byte{0, 255})
	a := insert("upstreams/a", "{}", nil)
	_, err = db.InsertSetting(ctx, "upstreams/a", []byte("{}"), []byte("y"))
	fails(t, err, storage.ErrConflict)
	ok(t, db.UpdateSetting(ctx, "upstreams/b", b, []byte(`{"kind":"github"}`), []byte{1}))
	fails(t, db.UpdateSetting(ctx, "upstreams/b", b, []byte("{}"), nil), storage.ErrStale)
	fails(t, db.DeleteSetting(ctx, "upstreams/a", a+1), storage.ErrStale)
	ok(t, db.DeleteSetting(ctx, "upstreams/a", a))
	fails(t, db.DeleteSetting(ctx, "upstreams/a", a), storage.ErrStale)
	after, err := db.Versions(ctx)
	ok(t, err)
	same(t, after.Settings-before.Settings, int64(4)) // what was refused raised nothing
	var got []string
	ok(t, db.KeptSettings(ctx, func(id string, data, sealed []byte, version int64) {
		got = append(got, fmt.Sprintf("%s %s %v %d", id, data, sealed, version))
	}))
	same(t, got, []string{fmt.Sprintf(`upstreams/b {"kind":"github"} [1] %d`, b+1)})

	var wg sync.WaitGroup
	won := make([]error, 8)
	for i := range won {
		wg.Go(func() { won[i] = db.UpdateSetting(ctx, "upstreams/b", b+1, fmt.Appendf(nil, `{"n":%d}`, i), nil) })
	}
	wg.Wait()
	n := 0
	for _, err := range won {
		if err == nil {
			n++
		} else {
			fails(t, err, storage.ErrStale)
		}
	}
	same(t, n, 1)

	seen := map[int64]bool{} // a row of an id has no version that one before it had
	for range 3 {
		v := insert("mail", "{}", nil)
		for range 3 {
			same(t, seen[v], false)
			seen[v] = true
			ok(t, db.UpdateSetting(ctx, "mail", v, []byte("{}"), nil))
			v++
		}
		same(t, seen[v], false)
		seen[v] = true
		ok(t, db.DeleteSetting(ctx, "mail", v))
	}
}

func peopleAt(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, has := range []string{"", "", "password", "other", "passkey"} {
		id := fmt.Sprint("u", i)
		ok(t, db.InsertUser(ctx, storage.User{ID: id, EmailKey: id + "@x", Email: id + "@x", CreatedAt: now, UpdatedAt: now}))
		link := storage.Identity{ID: "i" + id, Upstream: "work", Issuer: fmt.Sprint("https://", i), Subject: id, UserID: id, CreatedAt: now}
		ok(t, db.InsertIdentity(ctx, link))
		switch has {
		case "other":
			link.ID, link.Upstream = "o"+id, "home"
			ok(t, db.InsertIdentity(ctx, link))
		case "password", "passkey":
			ok(t, db.InsertCredential(ctx, storage.Credential{ID: "c" + id, UserID: id, Kind: has, Data: "x", CreatedAt: now}))
		}
	}
	people, only, err := db.PeopleAt(ctx, "work", 100)
	ok(t, err)
	same(t, []int64{people, only}, []int64{5, 2})
	people, only, err = db.PeopleAt(ctx, "none", 100)
	ok(t, err)
	same(t, []int64{people, only}, []int64{0, 0})
	people, _, err = db.PeopleAt(ctx, "work", 3)
	ok(t, err)
	same(t, people, int64(3))
	first, last, err := db.IssuersAt(ctx, "work")
	ok(t, err)
	same(t, []string{first, last}, []string{"https://0", "https://4"})
	first, last, err = db.IssuersAt(ctx, "none")
	ok(t, err)
	same(t, []string{first, last}, []string{"", ""})
	holderSignsIn(t, db)
}

func holderSignsIn(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.InsertRole(ctx, storage.Group{Name: "boss", CreatedAt: now}))
	ok(t, db.InsertGroup(ctx, storage.Group{Name: "bosses", CreatedAt: now}))
	_, err := db.GiveRole(ctx, "boss", storage.HolderGroup, "bosses", now)
	ok(t, err)
	for _, look := range []struct {
		user  string // is the only holder
		group bool
		at    []string
		want  bool
	}{
		{"u0", false, nil, false}, {"u0", false, []string{"home", "work"}, true}, {"u0", false, []string{"home"}, false},
		{"u2", false, nil, true}, {"u3", false, []string{"home"}, true}, {"u3", false, []string{"none"}, false}, {"u4", true, nil, true},
		{"u1", true, []string{"work"}, true}, {"u1", true, []string{"home"}, false},
	} {
		give := func() (bool, error) { return db.GiveRole(ctx, "boss", storage.HolderUser, look.user, now) }
		take := func() error { return db.TakeRole(ctx, "boss", storage.HolderUser, look.user) }
		if look.group {
			give = func() (bool, error) { return db.AddMember(ctx, "bosses", look.user, now) }
			take = func() error { return db.RemoveMember(ctx, "bosses", look.user) }
		}
		_, err := give()
		ok(t, err)
		in, err := db.HolderSignsIn(ctx, "boss", look.at)
		ok(t, err)
		if in != look.want {
			t.Errorf("%+v: %v", look, in)
		}
		ok(t, db.SetUserDisabled(ctx, look.user, now, now))
		in, err = db.HolderSignsIn(ctx, "boss", look.at)
		ok(t, err)
		same(t, in, false)
		ok(t, db.SetUserDisabled(ctx, look.user, time.Time{}, now))
		ok(t, take())
	}
}

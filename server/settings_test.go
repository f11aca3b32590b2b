package server

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"signet/admin/setting"
	"signet/config"
)

// TestEveryFieldOfAnUpstreamCanBeKept: what the configuration can say of one, the database can, but for files of the host; and what is
// declared is shown whole.
func TestEveryFieldOfAnUpstreamCanBeKept(t *testing.T) {
	t.Parallel()
	var u setting.Upstream
	for _, field := range reflect.ValueOf(&u).Elem().Fields() {
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Slice:
			field.Set(reflect.ValueOf([]string{"x"}))
		case reflect.Map:
			field.Set(reflect.ValueOf(map[string]string{"x": "y"}))
		case reflect.Int64: // Version, of the row: what is declared has none
		default:
			t.Fatalf("what is a %s?", field.Type())
		}
	}
	c := configured(u, setting.Secrets{ClientSecret: "s", PrivateKey: "k"})
	ofHost := map[string]bool{"Logo": true, "ClientSecretFile": true, "PrivateKeyFile": true}
	for field, value := range reflect.ValueOf(c).Fields() {
		if value.IsZero() != ofHost[field.Name] {
			t.Errorf("%s: %v", field.Name, value)
		}
	}
	h := &Services{file: config.Config{Upstreams: []config.Upstream{c}}}
	u.Disabled = false // a declared one never is
	if got := h.declaredUpstreams()[0]; !reflect.DeepEqual(got, u) {
		t.Errorf("shown as %+v, want %+v", got, u)
	}
}

// TestManyChangesInARowFillNoMemory: of servers that leave there are few, however often settings change.
func TestManyChangesInARowFillNoMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const grace = 15 * time.Second
		g := &generations{}
		var most int64
		for range 120 { // a change a second
			if !g.pauses(grace) {
				g.took = time.Now()
				g.left.Add(1)
				time.AfterFunc(grace, func() { g.left.Add(-1) })
			}
			most = max(most, g.left.Load())
			time.Sleep(time.Second)
		}
		if most < mostLeaving || most > 2*mostLeaving {
			t.Errorf("%d servers leave at once", most)
		}
		time.Sleep(longestPause)
		if g.pauses(10 * time.Minute) {
			t.Error("a change waits for longer than it may")
		}
	})
}

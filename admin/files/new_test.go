package files_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"signet/admin/files"
	"signet/admin/thing"
	"signet/server/servertest"
)

// TestNewSecretsAreMadeOnce: planning makes none, applying writes it down before the client has it, and what is written is set again.
func TestNewSecretsAreMadeOnce(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		text := strings.Replace(shop, `"client_name"`, `"client_secret":"new:PLACE","client_name"`, 1)
		n, written, broken := 0, "", errors.New("no space left")
		var fails error
		o := options(func(o *files.Options) {
			o.New = func(path string) (string, func() error, error) {
				if path != "PLACE" {
					t.Errorf("path %q", path)
				}
				if written != "" {
					return written, nil, nil
				}
				n++
				made := strings.Repeat(fmt.Sprintf("s3cret-%d-", n), 10)
				return made, func() error {
					if fails == nil {
						written = made
					}
					return fails
				}, nil
			}
		})
		plan := func() *files.Plan {
			t.Helper()
			p, err := files.Make(ctx, s.Local, read(t, text), o)
			s.ok(err)
			return p
		}
		p := plan()
		if again := plan(); written != "" || p.Digest != again.Digest {
			t.Error("planning wrote a secret, or made another plan of it")
		}
		fails = broken
		if err := p.Apply(ctx, s.Local, func(files.Step) {}); !errors.Is(err, broken) {
			t.Errorf("not written, and applied: %v", err)
		}
		if _, err := s.Acts.Client(ctx, root(), "shop"); err == nil {
			t.Error("the app was made with a secret that nobody has")
		}
		fails = nil
		s.ok(plan().Apply(ctx, s.Local, func(files.Step) {}))
		state, err := s.SecretState(ctx, thing.Clients, "shop", written)
		if s.ok(err); !state.Valid {
			t.Error("what was written is not the secret")
		}
		s.same(told(plan()))
		written = "" // lost: another one is made
		s.same(told(plan()), "change clients shop client_secret")
	})
}

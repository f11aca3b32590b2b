package recovery_test

import (
	"testing"

	"signet/server/login/logintest"
	"signet/server/recovery"
	"signet/server/web"
	"signet/storage/storagetest"
)

func TestForgotSaysWhomToAsk(t *testing.T) {
	for contact, said := range map[string]string{"the help desk": "the help desk", "": "the administrators of"} {
		s := logintest.New(t, storagetest.SQLite(t), logintest.Options{Handlers: func(s *logintest.Server) ([]web.Mounter, error) {
			h, err := recovery.New(recovery.Options{
				Login: s.Login, Browser: s.Browser, Pages: s.Pages, Rules: s.People, Passwords: s.People, Addresses: s.People, Undoing: s.People,
				Contact: contact,
			})
			return []web.Mounter{h}, err
		}})
		s.Tab().Get(t, "/forgot").Want(t, 200, said, `href="/signin"`)
	}
}

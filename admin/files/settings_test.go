package files_test

import (
	"strings"
	"testing"

	"signet/admin/files"
	"signet/admin/setting"
	"signet/server/servertest"
)

const looks = `{"settings":[{"id":"branding","name":"Acme","color":"#8a1f5c","links":[{"title":"Help","url":"https://acme.example"}]},` +
	`{"id":"mail","from":"id@acme.example","host":"smtp.acme.example","username":"u","password":"env:MAIL"}]}`

// TestSettingsInFiles: set with a password that is found elsewhere, left where somebody changed them by hand, the same on another server,
// and forgotten.
func TestSettingsInFiles(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		secret := "first one"
		with := func(o *files.Options) { o.Secret = func(string) (string, error) { return secret, nil } }
		s.same(s.apply(looks, with), "add settings branding", "add settings mail password")
		s.same(told(s.plan(looks, with)))
		secret = "second one"
		s.same(s.apply(looks, with), "change settings mail password")
		if k, err := s.Services().Settings.KeptSection(t.Context(), setting.Mail); err != nil || k.Password != "second one" {
			t.Errorf("%q %v", k.Password, err)
		}
		_, err := s.Acts.ChangeSetting(t.Context(), root(), setting.Branding, "", "", func(now *setting.Section) error {
			now.Name = "By hand"
			return nil
		})
		s.ok(err)
		s.same(told(s.plan(looks, with)), "drift settings branding !name")
		all := document(t, s.export())
		if strings.Contains(all, "second one") {
			t.Error("the export has the password")
		}
		other := newSite(t, engine)
		other.apply(strings.Replace(all, `"username": "u"`, `"username": "u", "password": "env:MAIL"`, 1), with)
		if again := document(t, other.export()); again != all {
			t.Errorf("elsewhere it is\n%s\nand was\n%s", again, all)
		}
		prune := func(o *files.Options) { o.Prune, o.Override = true, true }
		s.same(s.apply(`{"settings":[],"groups":[{"name":"staff"}]}`, prune), "add groups staff", "delete settings mail",
			"delete settings branding")
		if now, err := s.Services().Settings.Section(t.Context(), setting.Mail); err != nil || now.Origin != setting.OriginDefault {
			t.Errorf("%+v %v", now, err)
		}
	})
}

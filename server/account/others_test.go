package account_test

import (
	"strings"
	"testing"

	"signet/admin"
	"signet/server/servertest"
)

// TestADM06_APersonSeesWhatAdministratorsDid: an act of somebody else is not shown as the person's own.
func TestADM06_APersonSeesWhatAdministratorsDid(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	bob := s.Person(t, "bob@example.com")
	other := admin.Actor{Kind: admin.KindPerson, ID: "SOMEBODYELSE", Holds: admin.SetOf(admin.All()...)}
	for _, disabled := range []bool{true, false} {
		if _, err := s.Services().Admin.SetDisabled(t.Context(), other, bob.ID, disabled); err != nil {
			t.Fatal(err)
		}
	}
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, bob).Get(t, "/account/activity")
	if got := strings.Count(b.Text("main"), "By an administrator"); got != 2 {
		t.Errorf("want 2 marked as an administrator's: %s", b.Text("main"))
	}
}

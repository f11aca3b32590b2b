package oauth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signet/oauth/oauthtest"
	"signet/storage"
)

func TestWhatIsTooLongToBeReadIsNotSigned(t *testing.T) {
	h := registered(t, protocol(t, oauthtest.Options{}))
	join := func(from, to int) {
		for i := from; i < to; i++ {
			name := fmt.Sprintf("%s-%03d", strings.Repeat("g", 56), i)
			if err := h.DB.InsertGroup(t.Context(), storage.Group{Name: name, CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
			if _, err := h.DB.AddMember(t.Context(), name, oauthtest.Ada, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	join(0, 90)
	got := first(t, h, "shop", "openid groups offline_access")
	if _, err := h.Provider.Userinfo(t.Context(), got.AccessToken); err != nil {
		t.Errorf("90 groups: %v", err)
	}
	join(90, 240)
	code := h.Code(t, "shop", "openid groups offline_access", nil)
	for range 2 { // nothing is used up
		_, err := token(t, h, "shop", oauthtest.Exchange(code))
		wants(t, err, "invalid_scope")
		if !strings.Contains(err.Error(), "240 groups") {
			t.Errorf("%v does not name the groups", err)
		}
		refused(t, h, "shop", oauthtest.Refresh(got.RefreshToken), "invalid_scope")
	}
	first(t, h, "shop", "openid offline_access")
}

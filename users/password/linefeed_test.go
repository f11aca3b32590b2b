package password_test

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"signet/users/password"
)

func TestHashesWithALineFeedAreTaken(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, around := range []string{"\n", "\r\n", " \n"} {
		kept, err := password.Imported(string(hash) + around)
		if err != nil || !strings.HasSuffix(kept, string(hash)) {
			t.Errorf("with %q: got %q, %v", around, kept, err)
		}
	}
	if _, err := password.Imported(string(hash[:30]) + "\n" + string(hash[30:])); err == nil {
		t.Error("a line feed in the middle was taken")
	}
}

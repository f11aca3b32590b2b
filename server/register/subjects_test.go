package register_test

import (
	"net/http"
	"strings"
	"testing"

	"signet/server/servertest"
)

// TestRegistration_AnAppLearnsNoSubjectOfAnotherSector: an app that has access to somebody's claims already cannot change itself so that it
// is told, without them, what apps of another sector call them, or apps with public subjects (OpenID Connect Core section 8.1). What keeps
// the sector is taken.
func TestRegistration_AnAppLearnsNoSubjectOfAnotherSector(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), yaml("open"))
	const cb = "https://app.example/cb"
	status, _, made := send(t, s, "POST", at, "", document{"redirect_uris": []string{cb}, "subject_type": "pairwise"})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, made)
	}
	id, token := text(made, "client_id"), text(made, "registration_access_token")
	for about, c := range map[string]struct {
		change document
		taken  bool
	}{
		"another host":             {document{"redirect_uris": []string{"https://victim.example/cb"}, "subject_type": "pairwise"}, false},
		"public":                   {document{"redirect_uris": []string{cb}, "subject_type": "public"}, false},
		"public, as nothing is":    {document{"redirect_uris": []string{cb}}, false},
		"another path":             {document{"redirect_uris": []string{cb + "/2"}, "subject_type": "pairwise"}, true},
		"another port and in caps": {document{"redirect_uris": []string{"https://APP.example:8443/cb"}, "subject_type": "pairwise"}, true},
	} {
		t.Run(about, func(t *testing.T) {
			c.change["client_id"] = id
			status, _, got := send(t, s, "PUT", at+"/"+id, token, c.change)
			if c.taken {
				if token = text(got, "registration_access_token"); status != http.StatusOK {
					t.Errorf("%d %v", status, got)
				}
			} else if status != http.StatusBadRequest || !strings.Contains(text(got, "error_description"), "cannot be changed") {
				t.Errorf("%d %v", status, got)
			}
		})
	}
	status, _, made = send(t, s, "POST", at, "", document{"redirect_uris": []string{cb}})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, made)
	}
	id = text(made, "client_id")
	status, _, got := send(t, s, "PUT", at+"/"+id, text(made, "registration_access_token"),
		document{"client_id": id, "redirect_uris": []string{cb}, "subject_type": "pairwise"})
	if status != http.StatusBadRequest {
		t.Errorf("from public to pairwise: %d %v", status, got)
	}
}

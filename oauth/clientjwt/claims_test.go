package clientjwt_test

import (
	"errors"
	"testing"

	"signet/oauth/clientjwt"
)

// TestRFC7519_4_ClaimsByTheirNames: whoever may put claims of their own beside those of the issuer changes none of them, and what was
// checked is what counts: no claim, and no member of one, is there twice.
func TestRFC7519_4_ClaimsByTheirNames(t *testing.T) {
	type read struct {
		Subject string `json:"sub"`
		Other   any    `json:"other"`
	}
	var got read
	if err := clientjwt.Claims([]byte(`{"sub":"ada","Sub":"eve","SUB":"eve"}`), &got); err != nil || got != (read{Subject: "ada"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, payload := range []string{
		`{"sub":"ada","sub":"ada"}`, `{"sub":"eve","s\u0075b":"ada"}`, `{"sub":"ada","unknown":1,"unknown":2}`,
		`{"sub":"ada","other":{"type":"a","type":"b"}}`, `{"sub":"ada","unknown":[{"type":"a","type":"b"}]}`,
		`{"sub":"ada"}{}`, `{"sub":7}`, ``,
	} {
		if err := clientjwt.Claims([]byte(payload), &got); !errors.Is(err, clientjwt.ErrRefused) {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

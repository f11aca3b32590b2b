package dpop_test

import (
	"crypto"
	"encoding/base64"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/oauth/dpop"
)

// TestRFC9449_4_2_TheExampleIsTaken at its time: the proof of the RFC as it is there, header, claims and signature.
func TestRFC9449_4_2_TheExampleIsTaken(t *testing.T) {
	const example = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZ" +
		"OXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs" +
		"ImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmV" +
		"yLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4Pt" +
		"FLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	synctest.Test(t, func(t *testing.T) {
		v := &dpop.Verifier{Issuer: "https://server.example.com"}
		time.Sleep(time.Until(time.Unix(1562262616, 0)))
		got, err := v.Judge(http.Header{"Dpop": {example}}, "POST", "/token")
		if err != nil || got.JKT != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
			t.Errorf("%+v %v", got, err)
		}
		broken := example[:len(example)-2] + "Aw"
		if _, err := v.Judge(http.Header{"Dpop": {broken}}, "POST", "/token"); code(err) != "invalid_dpop_proof" {
			t.Errorf("another signature: %v", err)
		}
	})
}

// TestRFC7638_3_1_TheExample: the thumbprint is of the required members alone, in their order.
func TestRFC7638_3_1_TheExample(t *testing.T) {
	const example = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX` +
		`jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6` +
		`qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",` +
		`"e":"AQAB","alg":"RS256","kid":"2011-04-29"}`
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(example)); err != nil {
		t.Fatal(err)
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if got := base64.RawURLEncoding.EncodeToString(sum); err != nil || got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("%s %v", got, err)
	}
}

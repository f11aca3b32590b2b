package factor

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// scripts writes the digits of a code as keyboards around the world do, with what comes along when it is copied.
var scripts = map[string]*strings.Replacer{
	"wide":   strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９"),
	"Arabic": strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩"),
	"Thai":   strings.NewReplacer("0", "๐", "1", "๑", "2", "๒", "3", "๓", "4", "๔", "5", "๕", "6", "๖", "7", "๗", "8", "๘", "9", "๙"),
	"plain":  strings.NewReplacer(),
}

func TestAuthenticatorCodesInEveryScript(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	now := time.Now()
	code, err := totp.GenerateCodeCustom(secret, now, generate)
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range scripts {
		for _, blank := range []string{"", " ", "\u00a0", "\t", "-", "\u2011", "\u200e"} {
			written := "\u00a0" + script.Replace(code[:3]) + blank + script.Replace(code[3:]) + "\n"
			if _, err := match(secret, written, 0, now); err != nil {
				t.Errorf("%s: %q: %v", name, written, err)
			}
		}
	}
	if _, err := match(secret, code+"٠", 0, now); err == nil {
		t.Error("seven digits are right")
	}
}

func TestRecoveryCodesInEveryScript(t *testing.T) {
	codes, _ := newCodes("ada")
	want := handle(strings.ReplaceAll(codes[0], " ", ""))
	for name, script := range scripts {
		for _, blank := range []string{" ", "\u00a0", "\t", "-", "", "–"} {
			written := script.Replace(strings.ReplaceAll(strings.ToLower(codes[0]), " ", blank))
			if handle(normal(written)) != want {
				t.Errorf("%s: %q is wrong", name, written)
			}
		}
	}
	wide := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return '\u3000'
	}, codes[0])
	if handle(normal(wide)) != want {
		t.Errorf("%q is wrong", wide)
	}
}

// The address as apps read it: the names whole, and one colon between them.
func TestTheAddressForAppsIsEncoded(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	for _, issuer := range []string{"Signet", "A&B", "C+D", "R & D: Lab", "50%", "what?", "a/b#c", "Größe", "資料", `"x" <y>`, "a=b;c"} {
		for _, account := range []string{"ada@example.com", "a+b&c=d@example.com", "ada", "o'neil/x?y#z@example.com", "müller@bücher.example"} {
			address := keyURI(issuer, account, secret)
			u, err := url.Parse(address)
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			q, err := url.ParseQuery(u.RawQuery)
			if err != nil || q.Get("issuer") != issuer || q.Get("secret") != secret || strings.ContainsAny(address, " +<>\"") {
				t.Errorf("%s: issuer %q, secret %q, %v", address, q.Get("issuer"), q.Get("secret"), err)
			}
			if raw, _, _ := strings.Cut(strings.TrimPrefix(address, "otpauth://totp/"), "?"); strings.Count(raw, ":") != 1 ||
				strings.Contains(strings.ToLower(raw), "%3a") || strings.ContainsAny(raw, "&/#=@") {
				t.Errorf("label %q", raw)
			}
			key, err := otp.NewKeyFromURL(address)
			if err != nil || key.Issuer() != issuer || key.AccountName() != account || key.Secret() != secret || key.Period() != 30 {
				t.Errorf("%s is read as %q of %q, %v", address, key.AccountName(), key.Issuer(), err)
			}
		}
	}
}

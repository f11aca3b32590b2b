package passkey

import (
	"encoding/hex"
	"strings"
	"unicode"

	"signet/internal/typed"
)

// makers are names of common authenticators by their AAGUID, from the list that the passkey community keeps
// (passkeydeveloper/passkey-authenticator-aaguids). Nobody attests them: they suggest a name and help a person to tell passkeys apart.
var makers = map[string]string{
	"ea9b8d664d011d213ce4b6b48cb575d4": "Google Password Manager",
	"adce000235bcc60a648b0b25f1f05503": "Chrome on Mac",
	"08987058cadc4b81b6e130de50dcbe96": "Windows Hello",
	"9ddd1817af5a4672a2b93e3dd95000a9": "Windows Hello",
	"6028b017b1d44c02b4b3afcdafc96bb2": "Windows Hello",
	"dd4ec289e01d41c9bb8970fa845d4bf2": "Apple Passwords (managed)",
	"fbfc3007154e4ecc8c0b6e020557d7bd": "Apple Passwords",
	"53414d53554e47000000000000000000": "Samsung Pass",
	"bada5566a7aa401fbd9645619a55120d": "1Password",
	"d548826e79b4db40a3d811116f7e8349": "Bitwarden",
	"531126d6e717415c93203d9aa6981239": "Dashlane",
	"0ea242b443c44a1b8b17dd6d0b6baec6": "Keeper",
	"fdb141b25d84443e8a354698c205a502": "KeePassXC",
	"50726f746f6e5061737350726f746f6e": "Proton Pass",
	"771b48fdd3d44f749232fc157ab0507a": "Edge on Mac",
}

func hexOf(aaguid []byte) string { return hex.EncodeToString(aaguid) }

// printable reports whether a name has nothing in it that hides or turns text.
func printable(name string) bool {
	return !typed.Hidden(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r == '\uFFFD' || r != ' ' && unicode.IsSpace(r) || !unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r)
	})
}

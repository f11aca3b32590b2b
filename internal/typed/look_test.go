package typed_test

import (
	"testing"

	"signet/internal/typed"
)

// TestLook: what looks like a name compares as it, and what does not, does not.
func TestLook(t *testing.T) {
	const name = "Signet"
	for _, same := range []string{"signet", "SIGNET", " Sig net ", "Ｓｉｇｎｅｔ", "Ѕignet", "SIGNЕТ", "Sïgnét", "Sıgnet", "S1gnet", "Slgnet",
		"S.i.g.n.e.t", "𝐒𝐢𝐠𝐧𝐞𝐭", "Ѕіɡnеt", "Signet ✓", "Signet®"} {
		if typed.Look(same) != typed.Look(name) {
			t.Errorf("%q is %q", same, typed.Look(same))
		}
	}
	for _, other := range []string{"Signets", "Cygnet", "Signal", "", "印章", "Печать", "Signet Shop"} {
		if typed.Look(other) == typed.Look(name) {
			t.Errorf("%q is %q", other, typed.Look(other))
		}
	}
	if typed.Look("印章") == "" || typed.Look("印章") == typed.Look("印鑑") || typed.Look("✓") != "" {
		t.Error("names in other scripts are told apart, and signs alone are nothing")
	}
}

// TestMixed: words that are written to be taken for others.
func TestMixed(t *testing.T) {
	for _, s := range []string{"Сlaude", "Claudе Code", "Gοοgle", "сlaude.ai", "Ѕlack", "my раypаl"} {
		if !typed.Mixed(s) {
			t.Errorf("%q passes", s)
		}
	}
	for _, s := range []string{"", "Claude Code", "Клод", "Клод Code", "µTorrent", "μTorrent", "Яndex", "Κλωντ", "Crème brûlée", "東京 App",
		"Shop 1", "Łódź|App", "Straße", "Ørsted", "e\u0301toile", "Α-Team"} {
		if typed.Mixed(s) {
			t.Errorf("%q does not", s)
		}
	}
}

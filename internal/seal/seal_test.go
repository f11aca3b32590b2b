package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"signet/internal/seal"
)

func key(b byte) []byte {
	k := bytes.Repeat([]byte{b}, seal.KeySize)
	k[0]++
	return k
}

func master(t *testing.T, keys ...[]byte) *seal.Master {
	t.Helper()
	m, err := seal.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestS01_SealedValueOpensOnlyInItsPlace(t *testing.T) {
	m := master(t, key(1))
	here, there := seal.Place("keys", "a", "sealed"), seal.Place("keys", "b", "sealed")
	sealed, err := m.Seal([]byte("private"), here)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Open(sealed, here); err != nil || string(got) != "private" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := m.Open(sealed, there); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("moved to another row: got %v, want ErrDamaged", err)
	}
	if bytes.Contains(sealed, []byte("private")) {
		t.Error("the plain text shows")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := m.Open(bad, here); err == nil {
			t.Fatalf("opens with byte %d changed", i)
		}
		if _, err := m.Open(sealed[:i], here); err == nil {
			t.Fatalf("opens when cut to %d bytes", i)
		}
	}
}

func TestS02_FirstKeySealsAllOpen(t *testing.T) {
	before, after := master(t, key(1)), master(t, key(2), key(1))
	old, _ := before.Seal([]byte("x"), nil)
	if _, err := after.Open(old, nil); err != nil {
		t.Errorf("the older key no longer opens: %v", err)
	}
	if !after.Stale(old) || before.Stale(old) {
		t.Error("Stale must tell values of an older key")
	}
	fresh, _ := after.Seal([]byte("x"), nil)
	_, err := before.Open(fresh, nil)
	if !errors.Is(err, seal.ErrWrongKey) {
		t.Fatalf("got %v, want ErrWrongKey", err)
	}
	if !strings.Contains(err.Error(), "SIGNET_MASTER_KEY") {
		t.Errorf("the message names no remedy: %v", err)
	}
}

func TestS05_EachUseHasItsOwnKey(t *testing.T) {
	m := master(t, key(1), key(2))
	if bytes.Equal(m.Derive("a"), m.Derive("b")) {
		t.Error("two labels, one key")
	}
	all := m.DeriveAll("a")
	if len(all) != 2 || !bytes.Equal(all[0], m.Derive("a")) || bytes.Equal(all[0], all[1]) {
		t.Error("DeriveAll must give one key per master key, the first first")
	}
	if len(all[0]) != seal.KeySize {
		t.Errorf("got %d bytes", len(all[0]))
	}
}

func TestParse(t *testing.T) {
	a, b := seal.Generate(), seal.Generate()
	tests := map[string]struct {
		text string
		want string // part of the error; "" = fine
	}{
		"one":           {a, ""},
		"padded":        {a + "=", ""},
		"other-base64":  {strings.NewReplacer("-", "+", "_", "/").Replace(a) + "=\n", ""},
		"comma":         {a + "," + b, ""},
		"lines":         {"\n" + a + "\n " + b + "\r\n", ""},
		"none":          {" ,\n", "no master key"},
		"short":         {a[:20], "has 15 bytes"},
		"not-base64":    {a + "," + "hunter2!", "master key 2 is not base64"},
		"twice":         {a + "," + a, "listed twice"},
		"one-byte-only": {strings.Repeat("A", 43), "random"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := seal.Parse(test.text)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("got %v, want %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Fatal("the error shows the key")
			}
		})
	}
	if a == b {
		t.Fatal("Generate repeats itself")
	}
}

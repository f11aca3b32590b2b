package yamlslip_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"signet/internal/yamlslip"
)

// TestASlipIsNamedWithItsLineAndQuotesNoSecret: what operators typically write, where it is, and what to write instead.
func TestASlipIsNamedWithItsLineAndQuotesNoSecret(t *testing.T) {
	t.Parallel()
	const head = "# ours\nserver:\n  listen: 127.0.0.1:9400\nmail:\n  smtp:\n    host: smtp.example.com\n"
	const quoted, colon = "in single quotes", "a colon and a space after the key"
	type slip struct {
		text string
		line int
		want string
	}
	slips := []slip{
		{"\tpassword: hunter2\n", 7, "with a tab"}, {"    \tpassword: hunter2\n", 7, "with a tab"},
		{"    password: \"hunter2\"x\"\n    tls: implicit\n", 7, "quotes that do not fit"}, {"    password: 'hunter2'x'\n", 7, "quotes that"},
		{"    password: \"hunter2\n    tls: implicit\n", 7, "quotes that"}, {"    password: \"hunter2\\x\"\n", 7, "quotes that"},
		{"    password: hunter2: x\n", 7, "a colon and a space in it"}, {"    password:hunter2\n    tls: implicit\n", 7, colon},
		{"    tls: implicit\n    password:hunter2\n", 8, colon}, {"     password: hunter2\n", 7, "does not fit"},
		{"   password: hunter2\n", 7, "does not fit"}, {"    password: h\xfcnter2\n", 7, "UTF-8"},
		{"    password: hunter2\x01\n", 7, "UTF-8"}, {"    password: hunter2\r\n\ttls: implicit\r\n", 8, "with a tab"},
	}
	for _, c := range "*%@`|>{[},]?-" {
		text := fmt.Sprintf("    password: %chunter2\n", c)
		if strings.ContainsRune("?-", c) {
			text = strings.Replace(text, string(c), string(c)+" ", 1)
		}
		slips = append(slips, slip{text, 7, quoted})
	}
	for _, s := range slips {
		text := head + s.text + "sign_up:\n  mode: open\n"
		if err := yaml.Unmarshal([]byte(text), new(yaml.Node)); err == nil {
			t.Errorf("%q is YAML", s.text)
			continue
		}
		got := yamlslip.Explain([]byte(text)).Error()
		if !strings.HasPrefix(got, fmt.Sprintf("line %d: ", s.line)) || !strings.Contains(got, s.want) || strings.Contains(got, "hunter") {
			t.Errorf("%q: %s; want line %d, %q", s.text, got, s.line, s.want)
		}
	}
}

// FuzzExplain: whatever it is, it is explained.
func FuzzExplain(f *testing.F) {
	f.Add([]byte("a: [b\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := yamlslip.Explain(data).Error(); !strings.HasPrefix(got, "line ") {
			t.Error(got)
		}
	})
}

// TestTheLastLineOfTheShippedFile, and of one that is much longer, is named.
func TestTheLastLineOfTheShippedFile(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile("../../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a: {b: c, d: e}\nf:\n  - g: h\n", 10_000)
	var keys strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&keys, "key%d: value\n", i)
	}
	for name, text := range map[string]string{"shipped": string(shipped), "many keys": keys.String(), "other": long} {
		lines := strings.Count(text, "\n")
		want := fmt.Sprintf("line %d: is indented with a tab", lines+1)
		if err := yamlslip.Explain([]byte(text + "\tx: y\n")); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

package config

import "testing"

// TestAdminAPIInOldAndNewWords: true and false mean what they meant, in files and in the environment.
func TestAdminAPIInOldAndNewWords(t *testing.T) {
	for word, on := range map[string]bool{"true": true, "false": false, "public": true, "internal": true, "off": false} {
		c, err := load(file("admin: {api: "+word+"}\n"), Sources{})
		if err != nil || c.Admin.HasAPI() != on {
			t.Errorf("%s in a file: %q, %v", word, c.Admin.API, err)
		}
		c, err = load(file(""), Sources{Environ: []string{"SIGNET_ADMIN_API=" + word}})
		if err != nil || c.Admin.HasAPI() != on {
			t.Errorf("%s in the environment: %q, %v", word, c.Admin.API, err)
		}
	}
}

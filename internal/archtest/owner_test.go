package archtest

import (
	"go/token"
	"strings"
	"testing"
)

// filesOfOurOwn are made where no other account has to open them.
var filesOfOurOwn = map[string]string{
	"cmd/signet/doctor_owners.go": "opens the journal, to try",
	"server/backup.go":            "into a folder for one backup, which only this account enters",
	"server/scratch.go":           "the folder for one run, and its lock",
}

// TestFilesBelongToWhoseFolderTheyAreIn: what a command makes as root beside the service is made by package owner.
func TestFilesBelongToWhoseFolderTheyAreIn(t *testing.T) {
	makers := map[string]bool{"Create": true, "CreateTemp": true, "WriteFile": true, "Mkdir": true, "MkdirAll": true, "OpenFile": true}
	used := map[string]bool{}
	for _, f := range sources(t) {
		program := under(f.dir, []string{"server", "storage", "audit", "admin", "cmd", "internal/backup", "internal/mail"})
		test := f.test || strings.HasSuffix(f.dir, "test") || strings.HasSuffix(f.dir, "manpage")
		if !program || test {
			continue
		}
		uses(f, "os", func(name string, at token.Pos) {
			if !makers[name] {
				return
			}
			if filesOfOurOwn[f.path] == "" {
				t.Errorf("%s: os.%s: make files by package owner, or root's commands leave some that the service cannot open",
					fset.Position(at), name)
			}
			used[f.path] = true
		})
	}
	for path := range filesOfOurOwn {
		if !used[path] {
			t.Errorf("%s makes no file any more: take it off the list", path)
		}
	}
}

package foreign_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"
)

// TestOutsideTheFIPSModule runs the tests of this package where Go refuses MD5 and SHA-1: what others hashed by them is still compared.
func TestOutsideTheFIPSModule(t *testing.T) {
	if fips140.Enforced() {
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^Test", "-test.skip=Fuzz")
	again.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

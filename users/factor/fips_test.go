package factor

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestOutsideTheFIPSModule has a code of RFC 6238 appendix B compared where Go refuses SHA-1: people with an app must get in.
func TestOutsideTheFIPSModule(t *testing.T) {
	const secret, code = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "287082" //nolint:gosec // of the RFC
	if _, err := match(secret, code, 0, time.Unix(59, 0)); err != nil {
		t.Error(err)
	}
	if fips140.Enforced() {
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOutsideTheFIPSModule$")
	again.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

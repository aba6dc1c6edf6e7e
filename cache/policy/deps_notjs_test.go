//go:build !js

package policy_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The policies, the simulator and the curves run in a browser and must behave there as in
// the server: nothing that they import may reach the system, a clock, chance
// or another goroutine's state.
func TestPurity(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "memcache/cache/policy", "memcache/cache/sim", "memcache/cache/mrc").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	for _, banned := range []string{"os", "net", "time", "syscall", "syscall/js", "math/rand", "math/rand/v2", "crypto/rand", "fmt", "context"} {
		if slices.Contains(deps, banned) {
			t.Errorf("policy, sim or mrc depends on %q", banned)
		}
	}
	for _, dep := range deps {
		first, _, _ := strings.Cut(dep, "/")
		if strings.Contains(first, ".") {
			t.Errorf("policy, sim or mrc depends on %q, which is not of the standard library", dep)
		}
	}
	if !slices.Contains(deps, "memcache/cache/policy") {
		t.Errorf("go list answered without the package itself: %v", deps)
	}
}

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCopyKilled copies what a server keeps to another folder, while it serves. The copy
// is killed again and again, goes on each time, and a server on the new folder has all
// bytes.
func TestCopyKilled(t *testing.T) {
	t.Parallel()
	s := start(t)
	objects := map[string][]byte{}
	random := rand.NewChaCha8([32]byte{1})
	for i := range 60 {
		content := make([]byte, 1<<20+i)
		_, _ = random.Read(content)
		path := fmt.Sprintf("/objects/k/%d", i)
		objects[path] = content
		s.do("PUT", path, bytes.NewReader(content), http.StatusCreated)
	}
	to := filepath.Join(filepath.Dir(s.data), "moved")
	kills := 0
	for limit := 50 * time.Millisecond; ; limit = limit * 3 / 2 {
		killed, said := copyFor(t, limit, "-data", s.data, "-to", to, "-parallel", "1", "-finish")
		if !killed {
			t.Logf("%d were killed; then: %s", kills, said)
			break
		}
		kills++
	}
	if kills < 2 {
		t.Errorf("only %d copies were killed", kills)
	}
	s.do("GET", "/objects/k/1", nil, http.StatusOK)
	if refused := s.do("PUT", "/objects/new", strings.NewReader("x"), http.StatusServiceUnavailable); !bytes.Contains(refused.body, []byte("another place")) {
		t.Errorf("a write at the old place is answered with %s", refused.body)
	}
	s.stop()
	s.data = to
	s.start()
	for path, want := range objects {
		if got := s.do("GET", path, nil, http.StatusOK); !bytes.Equal(got.body, want) {
			t.Errorf("%s has %d bytes, want the %d that were stored", path, len(got.body), len(want))
		}
	}
	s.do("PUT", "/objects/new", strings.NewReader("x"), http.StatusCreated)
	s.stop()
}

// copyFor runs the command copy, and kills it after a time, unless it has ended well.
func copyFor(t *testing.T, limit time.Duration, args ...string) (killed bool, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(installed, "bin", "memcache-backend"), append([]string{"copy"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		t.Fatalf("the copy ended with %v:\n%s", err, out)
	}
	return err != nil, string(out)
}

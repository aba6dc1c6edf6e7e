package httpapi

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"memcache/shared/api"
)

// TestFault53_AStreamedReplyIsCutWhenItsBlobIsDamaged: with the header gone, an
// end before its time is the only way to tell the client.
func TestFault53_AStreamedReplyIsCutWhenItsBlobIsDamaged(t *testing.T) {
	w := start(t)
	content := strings.Repeat("content ", 100_000)
	w.put("k", content)
	paths, err := filepath.Glob(filepath.Join(w.data, "blobs", "*", "*"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("blobs: %q, %v", paths, err)
	}
	damaged := []byte(content)
	damaged[len(damaged)-1] ^= 4
	must(t, os.WriteFile(paths[0], damaged, 0o600))

	answer, err := http.Get(w.URL + api.ObjectPath("k"))
	must(t, err)
	defer answer.Body.Close()
	if got, err := io.ReadAll(answer.Body); err == nil || len(got) >= len(content) {
		t.Errorf("got %d of %d bytes and the error %v: the reply should be cut short", len(got), len(content), err)
	}
	again, err := http.Get(w.URL + api.ObjectPath("k"))
	must(t, err)
	again.Body.Close()
	if again.StatusCode != http.StatusNotFound {
		t.Errorf("then it is answered %s, want 404: the blob is in quarantine", again.Status)
	}
	metrics := w.do("GET", "/metrics", nil)
	if !strings.Contains(metrics.body, `memcache_http_requests_total{method="GET",route="/objects/",status="200"} 1`) {
		t.Error("the reply that was cut is not counted")
	}
}

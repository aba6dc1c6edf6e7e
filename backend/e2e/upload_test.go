package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
)

var browserUpload = flag.Int64("browser-upload", 0, "`bytes` of a file to upload from Chromium and with HTTP in turn, to compare their speeds; 0 for no such test")

// TestUploadFromTheBrowserIsFast compares uploads over the WebSocket, from a page,
// with those of the same file over HTTP, as curl -T makes them. It judges nothing:
// it tells the medians of three rounds, and how the memory of the page rose.
func TestUploadFromTheBrowserIsFast(t *testing.T) {
	if *browserUpload == 0 {
		t.Skip("no -browser-upload")
	}
	s := start(t, "-max-object", strconv.FormatInt(*browserUpload, 10))
	file := largeFile(t, *browserUpload)
	p := openPage(t, browsertest.Measured())
	// Chromium would send each message of the WebSocket to the test, too.
	if _, err := chromedp.Call(p.ctx, network.Disable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	p.ready(s, "/")
	before := rendererMemory()
	var web, plain []float64
	var peak int64
	for round := range 3 {
		p.choose("#files", file)
		p.has(`[data-upload][data-state="ready"]`)
		p.fill(fmt.Sprintf("#upload-key-%d", round+1), fmt.Sprintf("web-%d", round))
		p.click("#upload-all")
		began := time.Now()
		for !eval[bool](p, `document.querySelector('[data-upload][data-state="stored"]') !== null`) {
			peak = max(peak, rendererMemory()-before)
			time.Sleep(100 * time.Millisecond)
		}
		web = append(web, time.Since(began).Seconds())
		p.click("#clear-stored")

		began = time.Now()
		body, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		s.do("PUT", fmt.Sprintf("/objects/plain-%d", round), body, http.StatusCreated)
		plain = append(plain, time.Since(began).Seconds())
		_ = body.Close()
		for _, key := range []string{"web", "plain"} {
			s.do("DELETE", fmt.Sprintf("/objects/%s-%d", key, round), nil, http.StatusNoContent)
		}
	}
	slices.Sort(web)
	slices.Sort(plain)
	mb := float64(*browserUpload) / (1 << 20)
	t.Logf("WebSocket %.1f MB/s, HTTP %.1f MB/s, %.2f x; the page's memory rose by %d MB at the most",
		mb/web[1], mb/plain[1], plain[1]/web[1], peak>>20)
}

// largeFile writes a file of n bytes of which no two MiB are the same.
func largeFile(t *testing.T, n int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large.bin")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for at := int64(0); at < n; at += int64(len(block)) {
		copy(block, strconv.FormatInt(at, 10))
		if _, err := io.Copy(f, bytes.NewReader(block[:min(n-at, int64(len(block)))])); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// rendererMemory is what Chromium's processes that run pages have in memory,
// without what they share.
func rendererMemory() (total int64) {
	for _, p := range processes("--type=renderer") {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
		for line := range strings.Lines(string(status)) {
			if anon, found := strings.CutPrefix(line, "RssAnon:"); found {
				kb, _ := strconv.ParseInt(strings.Fields(anon)[0], 10, 64)
				total += kb << 10
			}
		}
	}
	return total
}

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"memcache/shared/api"
)

// blockProgram lets the page's WebAssembly program not arrive.
func blockProgram(p *page) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{
		URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*.wasm", Block: true}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// before runs a script in every page before anything of its own.
func (p *page) before(script string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	if err != nil {
		p.t.Fatal(err)
	}
}

// tabTo presses Tab until the element has the focus, and expects to see that.
func (p *page) tabTo(selector string) {
	p.t.Helper()
	for range 80 {
		p.press(kb.Tab)
		if eval[bool](p, fmt.Sprintf(`document.activeElement?.matches(%s)`, quote(selector))) {
			style := eval[string](p, `(s => s.outlineStyle + " " + s.outlineWidth + " " + s.boxShadow)(getComputedStyle(document.activeElement))`)
			if strings.HasPrefix(style, "none") && strings.HasSuffix(style, " none") {
				p.t.Errorf("the focus on %s cannot be seen (%s)", selector, style)
			}
			return
		}
	}
	p.t.Fatalf("80 times Tab do not lead to %s\n%s", selector, p.snapshot())
}

// Everything but choosing a file in the system's dialog, by keyboard alone.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t)
	p.ready(s, "/")

	p.tabTo(".skip")
	p.press(kb.Enter)
	p.until(`document.activeElement.id === "main"`)
	p.press(kb.Tab)
	if !eval[bool](p, `document.activeElement.id === "files"`) {
		t.Errorf("the first control of the page is %q, want the one that chooses files", eval[string](p, `document.activeElement.outerHTML`))
	}
	p.choose("#files", writeFile(t, "letter.txt", []byte("Dear reader")))
	p.tabTo("#upload-key-1")
	p.press(kb.Enter)
	p.has(`[data-upload][data-state="stored"]`)
	p.tabTo("#search")
	p.press("LETTER")
	p.press(kb.Enter)
	p.until(`new URLSearchParams(location.search).get("search") === "LETTER"`)
	p.has(rowOf("letter.txt"))
	p.tabTo(".key-link")
	p.press(kb.Enter)
	p.shows("#preview-text", "Dear reader")

	p.tabTo("#nav-cache")
	p.press(kb.Enter)
	p.until(`document.querySelector("#capacity")?.value > 0`)
	p.tabTo("#capacity")
	p.run(`document.activeElement.select()`)
	p.press("3")
	p.tabTo("#policies input")
	p.press(kb.ArrowDown)
	p.tabTo("#apply")
	p.press(kb.Enter)
	p.shows("#toasts", "Applied")
	if c := s.cacheNow(); c.Capacity != 3*api.MB || c.Policy != "lfuda" { // the one after the default
		t.Errorf("by keyboard the cache was set to %d bytes and %q", c.Capacity, c.Policy)
	}

	p.tabTo("#nav-objects")
	p.press(kb.Enter)
	p.has(rowOf("letter.txt"))
	p.tabTo(rowOf("letter.txt") + " .delete")
	p.press(kb.Enter)
	p.has("#empty")
	s.do("GET", "/objects/letter.txt", nil, http.StatusNotFound)
	p.tabTo(".toast-action")
	p.press(kb.Enter) // undo
	p.has(rowOf("letter.txt"))
	s.do("GET", "/objects/letter.txt", nil, http.StatusOK)
	p.tabTo(rowOf("letter.txt") + " .pick")
	p.press(" ")
	p.has(rowOf("letter.txt") + ` .pick[aria-checked="true"]`)
	p.tabTo("#picked-none")
	p.press(kb.Enter)
	p.hasNot("#picked")
	p.tabTo(rowOf("letter.txt") + " .key-link")
	p.press(kb.Delete)
	p.has("#empty")
	s.do("GET", "/objects/letter.txt", nil, http.StatusNotFound)
}

func TestSeveralUploadsWithProgressAndCancel(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t)
	p.ready(s, "/")
	dir := t.TempDir()
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	var files []string
	for _, name := range []string{"a.bin", "b.bin", "empty"} {
		content := large
		if name == "empty" {
			content = nil
		}
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(files[len(files)-1], content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.choose("#files", files...)
	p.until(`document.querySelectorAll('[data-upload][data-state="ready"]').length === 3`)
	p.fill("#upload-key-3", "")
	p.shows(`[data-upload="3"]`, "the key is empty")
	p.fill("#upload-key-3", "nothing")

	// A server that does not go on lets the progress be looked at.
	backend := s.program("backend").pid
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.click("#upload-all")
	p.has(`[data-upload="1"][data-state="sending"] progress`)
	p.click(`[data-upload="1"] [data-act="cancel"]`)
	if err := syscall.Kill(backend, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.has(`[data-upload="1"][data-state="ready"]`)
	p.has(`[data-upload="2"][data-state="stored"]`)
	p.has(`[data-upload="3"][data-state="stored"]`)
	s.do("GET", "/objects/a.bin", nil, http.StatusNotFound)
	if got := s.do("GET", "/objects/b.bin", nil, http.StatusOK); !bytes.Equal(got.body, large) {
		t.Errorf("%d bytes came back, want the %d that were sent", len(got.body), len(large))
	}
	if got := s.do("GET", "/objects/nothing", nil, http.StatusOK); len(got.body) != 0 {
		t.Errorf("the empty file came back with %d bytes", len(got.body))
	}
	p.click(`[data-upload="1"] [data-act="send"]`)
	p.has(`[data-upload="1"][data-state="stored"]`)
	if got := s.do("GET", "/objects/a.bin", nil, http.StatusOK); !bytes.Equal(got.body, large) {
		t.Errorf("the cancelled upload came back with %d bytes when it was sent again", len(got.body))
	}
}

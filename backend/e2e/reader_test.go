package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"memcache/backend/internal/browsertest"
	"memcache/shared/api"
)

// invite makes a one-time link for an account, in the browser of an admin.
func (p *page) invite(account string, scope api.Scope) (path string) {
	p.t.Helper()
	return eval[string](p, `fetch("/api/v1/security/links", { method: "POST", body: JSON.stringify({ account: `+quote(account)+`, scope: `+quote(string(scope))+` }) }).then(r => r.json()).then(made => made.secret)`)
}

// TestAReaderIsOfferedWhatAReaderMay: what cannot be done is not there, neither for the
// mouse nor for keys, files that are dropped and those that are pasted, also without the
// server.
func TestAReaderIsOfferedWhatAReaderMay(t *testing.T) {
	t.Parallel()
	s := start(t, "-login")
	admin := openPage(t, browsertest.Allow("401", "404"))
	admin.enter(s)
	if status := eval[int](admin, `fetch("/objects/notes.txt", { method: "PUT", body: "some text" }).then(r => r.status)`); status != 201 {
		t.Fatalf("the admin's object is answered with %d", status)
	}
	admin.has("#drop")
	invitation := admin.invite("ann", api.ScopeRead)
	browsertest.Stop(t, admin.ctx)

	p := openPage(t, serverGone, browsertest.Allow("401", "404", "ERR_FAILED", "MemCache"))
	p.open(s.url + invitation)
	p.has("#login-do:enabled")
	p.fill("#login-password", "may only look here")
	p.click("#login-do")
	p.until(live)
	p.has(rowOf("notes.txt"))
	p.shows(".rights-note", "may look at the objects")
	p.absent("#drop", ".delete", "input[type=file]")
	p.fits("reader-objects")

	const refused = "not change them"
	told := func(what string) {
		t.Helper()
		p.shows("#toasts", refused)
		p.click("#toasts .button-icon")
		p.until(`!document.querySelector("#toasts .toast")`)
		if n := eval[int](p, `document.querySelectorAll("[data-upload]").length`); n != 0 {
			t.Errorf("%s: %d files are queued", what, n)
		}
	}
	p.run(`document.querySelector('#rows .key-link').focus()`)
	p.press(kb.Delete)
	told("the key Delete")
	eval[bool](p, dropFile)
	told("a file that is dropped")
	eval[bool](p, pasteFile)
	told("a file that is pasted")
	p.has(rowOf("notes.txt"))
	p.run(`document.querySelector('#rows .pick').click()`)
	p.has("#picked-zip")
	p.absent("#picked-delete", "#picked-invalidate")

	p.ready(s, "/object?key=notes.txt")
	p.shows("#preview-text", "some text")
	p.has("#download")
	p.absent("#open-share", "#share", "#replace", "#rename", "#invalidate", "#delete")
	p.fits("reader-object")

	p.ready(s, "/cache")
	p.shows("#settings .rights-note", "Only an admin")
	p.shows("#autopilot .rights-note", "Only an admin")
	p.has("#pilot-on:disabled")
	p.absent("#apply", "#clear", "#invalidate-one", "#pilot-save")
	p.fits("reader-cache")

	p.ready(s, "/lab")
	p.run(`document.querySelector("#help").showModal()`)
	if text := eval[string](p, `document.querySelector("#help").innerText`); strings.Contains(text, "Ctrl+Z") || !strings.Contains(text, "Ctrl+K") {
		t.Errorf("the keys are %q", text)
	}

	// Nor is it there before the program runs.
	early := p.tab()
	early.before(`delete window.WebAssembly`)
	for path, selector := range map[string]string{"/": "#drop", "/object": "#delete", "/cache": "#apply"} {
		early.open(s.url + path)
		early.shows("#boot", "WebAssembly is switched off")
		if shown := eval[string](early, `getComputedStyle(document.querySelector(`+quote(selector)+`)).display`); shown != "none" {
			t.Errorf("before the program runs, %s of %s is there: %s", selector, path, shown)
		}
	}

	p.toFront()
	p.ready(s, "/")
	p.until(`navigator.serviceWorker.controller`)
	s.stop()
	p.open(s.url + "/")
	p.has(`#connection[data-state="off"]`)
	p.has(rowOf("notes.txt"))
	p.shows(".rights-note", "may look at the objects")
	p.absent("#drop", ".delete")
}

// absent checks that nothing of the kind is on the page now.
func (p *page) absent(selectors ...string) {
	p.t.Helper()
	for _, selector := range selectors {
		if eval[bool](p, `Boolean(document.querySelector(`+quote(selector)+`))`) {
			p.t.Errorf("there is a %s", selector)
		}
	}
}

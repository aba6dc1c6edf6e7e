package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
	"memcache/shared/api"
)

// tab opens another tab of the page's browser.
func (p *page) tab() *page {
	p.t.Helper()
	return &page{p.t, browsertest.NewTab(p.t, p.ctx)}
}

// toFront shows the tab: browsers let those behind it wait.
func (p *page) toFront() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, cdppage.BringToFront, cdp.Empty{}); err != nil {
		p.t.Fatal(err)
	}
}

// object is what the server knows of a key.
func (s *site) object(key string) (o api.Object, found bool) {
	s.t.Helper()
	var list api.List
	s.do("GET", "/api/v1/objects?limit=1000", nil, http.StatusOK).json(s.t, &list)
	for _, o := range list.Objects {
		if o.Key == key {
			return o, true
		}
	}
	return o, false
}

// idle waits until everything that was changed is in the outbox.
func (p *page) idle() {
	p.t.Helper()
	p.until(`new Promise(done => { const open = indexedDB.open("memcache-outbox"); open.onsuccess = () => {
		const all = open.result.transaction("items").objectStore("items").getAll();
		all.onsuccess = () => { open.result.close(); done(all.result.length === document.querySelectorAll("[data-upload]:not([data-state=stored])").length); };
	}; })`)
}

const versionOne = 1

// TestFault96: what is done offline outlives the page, and is sent once, whatever
// number of tabs are there when the server is back (fault 102).
func TestFault96_WhatIsDoneOfflineIsSentOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/old.txt", strings.NewReader("to be deleted"), http.StatusCreated)
	s.do("PUT", "/objects/plan.txt", strings.NewReader("the first plan"), http.StatusCreated)
	p := openPage(t, serverGone)
	p.ready(s, "/")
	p.until(`navigator.serviceWorker.controller`)
	p.ready(s, api.ViewPath("plan.txt"))
	p.shows("#preview-text", "the first plan")
	p.click("#nav-objects")
	p.has(rowOf("old.txt"))
	s.stop()
	p.has(`#notice[data-kind="offline"]`)

	letter := bytes.Repeat([]byte("Dear reader. "), 300_000)
	p.choose("#files", writeFile(t, "letter.txt", letter))
	p.has(`[data-upload][data-state="ready"]`)
	p.fill("#upload-prefix", "letters/")
	p.until(`document.querySelector("#upload-key-1").value === "letters/letter.txt"`)
	p.click("#upload-all")
	p.has(`[data-upload="1"][data-state="queued"]`)
	p.shows("#uploads", "Queued")
	p.click(rowOf("old.txt") + " .delete")
	p.has(`[data-upload="2"][data-state="queued"]`)
	p.click(`[href="/object?key=plan.txt"]`)
	p.choose("#replace", writeFile(t, "plan.txt", []byte("my plan")))
	p.has(`[data-upload="3"][data-state="queued"]`)
	p.click("#nav-objects")
	p.idle()

	// The page is closed, the server comes back, and somebody else is faster.
	p.open("about:blank")
	s.start()
	s.do("PUT", "/objects/plan.txt", strings.NewReader("their plan"), http.StatusOK)
	second := p.tab()
	second.open(s.url + "/")
	p.open(s.url + "/")
	settled := func(key string, gone bool) {
		eventually(t, patience, key+" is as it was queued", func() error {
			if _, found := s.object(key); found == gone {
				return fmt.Errorf("found: %v", found)
			}
			return nil
		})
	}
	settled("letters/letter.txt", false)
	settled("old.txt", true)
	if o, _ := s.object("letters/letter.txt"); o.Version != versionOne || o.Size != int64(len(letter)) {
		t.Errorf("stored as %+v", o)
	}

	// One of the tabs has what met a newer version, and asks.
	owner := p
	eventually(t, patience, "a tab asks", func() error {
		for _, tab := range []*page{p, second} {
			if asks, err := tryEval[bool](tab, `document.querySelector("#conflicts") !== null`); err == nil && asks {
				owner = tab
				return nil
			}
		}
		return fmt.Errorf("none does")
	})
	if got := s.do("GET", "/objects/plan.txt", nil, http.StatusOK); string(got.body) != "their plan" {
		t.Errorf("before it was asked, plan.txt became %q", got.body)
	}
	owner.toFront()
	owner.shows(`[data-state="conflict"]`, "plan.txt")
	owner.shows(`[data-state="conflict"]`, "The object was changed or deleted after you saw it.")
	owner.screenshot("conflict-1440-light")
	owner.click("#conflict-both")
	settled("plan (2).txt", false)
	for key, want := range map[string]string{"plan.txt": "their plan", "plan (2).txt": "my plan"} {
		if got := s.do("GET", api.ObjectPath(key), nil, http.StatusOK); string(got.body) != want {
			t.Errorf("%s is %q, want %q", key, got.body, want)
		}
	}
	for _, tab := range []*page{p, second} {
		tab.toFront()
		tab.has(rowOf("plan (2).txt"))
		tab.hasNot(rowOf("old.txt"))
	}
}

// TestFault98: a browser without room refuses what it could not keep, and works on.
func TestFault98_NoRoomInTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t, serverGone, browsertest.Allow("Quota"))
	p.ready(s, "/")
	p.until(`navigator.serviceWorker.controller`)
	quota := 64e3
	_, err := chromedp.Call(p.ctx, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: s.url, QuotaSize: &quota})
	if err != nil {
		t.Fatal(err)
	}
	large := writeFile(t, "large.bin", bytes.Repeat([]byte("12345678"), 1<<17))
	p.choose("#files", large)
	p.shows("#toasts", "no room")
	p.click("#upload-all")
	p.has(`[data-upload][data-state="stored"]`) // it is sent from memory
	s.stop()
	p.has(`#notice[data-kind="offline"]`)
	p.choose("#files", large)
	p.shows("#toasts", "cannot wait for the network")
	p.until(`document.querySelectorAll('[data-upload]').length === 1`)
	p.click("#nav-cache")
	p.shows("h1", "Cache")
	s.start()
	p.until(live)
}

// TestFault104: without service worker and IndexedDB all works online, and
// offline use is said to be missing.
func TestFault104_ABrowserThatKeepsNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t, serverGone)
	p.before(`delete Navigator.prototype.serviceWorker; Object.defineProperty(window, "indexedDB", { value: undefined });`)
	p.ready(s, "/")
	p.shows("#offline-unavailable", "not available")
	p.choose("#files", writeFile(t, "a.txt", []byte("online")))
	p.click("#upload-all")
	p.has(`[data-upload][data-state="stored"]`)
	p.has(rowOf("a.txt"))
	s.stop()
	p.has(`#notice[data-kind="offline"]`)
	p.choose("#files", writeFile(t, "b.txt", []byte("later")))
	p.click("#upload-all")
	p.shows("#uploads", "keep this page open")
	s.start()
	p.has(rowOf("b.txt"))
}

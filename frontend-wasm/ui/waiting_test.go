package ui

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/frontend-wasm/outbox"
	"memcache/shared/api"
)

// memoryBox is an outbox in memory.
type memoryBox struct {
	mu    sync.Mutex
	items map[string]outbox.Item
	puts  int
	gate  chan struct{} // a Put waits for it, if it is not nil
	began chan string
	fail  error
}

func (b *memoryBox) Put(_ context.Context, item outbox.Item) error {
	if b.gate != nil {
		b.began <- item.ID
		<-b.gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	if b.fail != nil {
		return b.fail
	}
	if item.File == nil {
		item.File = b.items[item.ID].File
	}
	b.items[item.ID] = item
	return nil
}

func (b *memoryBox) Remove(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.items, id)
	return nil
}

func (b *memoryBox) Adopt(context.Context) ([]outbox.Item, error) { return nil, nil }

// written waits until the saver has nothing left to write.
func (s *saver) written(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); s.busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the saver does not get done")
		}
	}
}

func TestTheNewestOfWhatWaitsIsSaved(t *testing.T) {
	b := &memoryBox{items: map[string]outbox.Item{}, gate: make(chan struct{}), began: make(chan string, 1)}
	var s saver
	s.put(outbox.Item{ID: "a", File: "the file", Size: 1}) // before the outbox is open
	s.open(b)
	<-b.began
	for size := range int64(100) {
		s.put(outbox.Item{ID: "a", Size: size})
		s.put(outbox.Item{ID: "b", File: "another", Size: size})
		s.put(outbox.Item{ID: "c", Size: size})
	}
	s.remove("c")
	if !s.busy() {
		t.Error("it is not busy while it writes")
	}
	go func() {
		for range b.began {
		}
	}()
	close(b.gate)
	s.written(t)
	close(b.began)
	if b.puts != 3 {
		t.Errorf("%d times something was written, want 3: a twice and b once", b.puts)
	}
	if a := b.items["a"]; a.Size != 99 || a.File != "the file" {
		t.Errorf("a is %+v", a)
	}
	if other := b.items["b"]; other.Size != 99 || other.File != "another" {
		t.Errorf("b lost its file: %+v", other)
	}
	if _, kept := b.items["c"]; kept {
		t.Error("c is kept although it was removed")
	}
}

func TestFault98_WhatIsNotSavedIsTold(t *testing.T) {
	b := &memoryBox{items: map[string]outbox.Item{}, fail: outbox.ErrFull}
	told := make(chan error, 1)
	s := saver{failed: func(id string, err error) { told <- fmt.Errorf("%s: %w", id, err) }}
	s.open(b)
	s.put(outbox.Item{ID: "a"})
	if err := <-told; err.Error() != "a: "+outbox.ErrFull.Error() {
		t.Errorf("told %v", err)
	}
}

func TestFault104_WithoutAnOutboxNothingIsCollected(t *testing.T) {
	var s saver
	s.put(outbox.Item{ID: "a"})
	s.open(nil)
	s.put(outbox.Item{ID: "b"})
	if s.busy() || len(s.pending)+len(s.order) != 0 {
		t.Errorf("%d items wait for nothing", len(s.pending))
	}
}

func TestTheQueueComesBackAsItWas(t *testing.T) {
	q := new(queue)
	for state, want := range map[uploadState]uploadState{
		uploadReady: uploadReady, uploadWaiting: uploadWaiting, uploadSending: uploadWaiting, uploadPaused: uploadPaused,
		uploadFailed: uploadReady, uploadConflict: uploadWaiting, // which asks the server, and so the user, again
	} {
		u := q.add("photo.jpg", "album/photo.jpg", 1000, nil)
		u.keptAs, u.token, u.made, u.State, u.IfMatch, u.Shrink = "id", "token", 5, state, `"e"`, true
		back := restore(u.item(), nil)
		if back.State != want {
			t.Errorf("%s came back %s, want %s", stateNames[state], stateNames[back.State], stateNames[want])
		}
		if back.item().Token != "token" || back.Key != u.Key || back.IfMatch != u.IfMatch || !back.IfNew || !back.Shrink || back.Size != 1000 {
			t.Errorf("%s came back as %+v", stateNames[state], back)
		}
	}
}

// An upload whose outcome is not known keeps its token, so that the server knows
// it again; any other attempt gets a new one.
func TestFault96_TheTokenStaysUntilTheOutcomeIsKnown(t *testing.T) {
	for _, c := range []struct {
		err  error
		want uploadState
		same bool
	}{
		{api.Errorf(api.Unavailable, "no answer"), uploadFailed, true},
		{errAway, uploadWaiting, true},
		{errPaused, uploadPaused, true},
		{api.Errorf(api.Full, "no room"), uploadFailed, false},
		{api.Errorf(api.PreconditionFailed, "it exists"), uploadConflict, false},
		{context.Canceled, uploadReady, false},
	} {
		q := filled("k")
		u := q.items[0]
		u.State, u.token = uploadSending, "token"
		q.finish(u.ID, c.err)
		if u.State != c.want || (u.token == "token") != c.same {
			t.Errorf("after %v it is %s with the token %q", c.err, stateNames[u.State], u.token)
		}
	}
}

func TestFault97_ConflictsAreResolvedAsTheUserWants(t *testing.T) {
	conflict := func() (*queue, *upload) {
		q := filled("album/cat.jpg", "album/cat (2).jpg")
		u := q.items[0]
		u.State, u.IfMatch = uploadConflict, `"seen"`
		return q, u
	}
	q, u := conflict()
	if len(q.conflicts()) != 1 {
		t.Fatalf("%d conflicts", len(q.conflicts()))
	}
	q.resolve(u, remedyReplace)
	if u.State != uploadWaiting || u.IfNew || u.IfMatch != "" || u.Key != "album/cat.jpg" {
		t.Errorf("to be replaced: %+v", u)
	}
	q, u = conflict()
	q.resolve(u, remedyBoth)
	if u.State != uploadWaiting || !u.IfNew || u.IfMatch != "" || u.Key != "album/cat (3).jpg" {
		t.Errorf("to be kept beside: %+v", u)
	}
	q, u = conflict()
	q.resolve(u, remedySkip)
	if len(q.items) != 1 || q.items[0] == u {
		t.Errorf("to be skipped: %v", q.items)
	}
	q.resolve(q.items[0], remedySkip) // it is in no conflict
	if len(q.items) != 1 {
		t.Error("what was in no conflict is gone")
	}
}

func TestNextKeys(t *testing.T) {
	for key, want := range map[string]string{
		"a.txt": "a (2).txt", "a (2).txt": "a (3).txt", "a (9)": "a (10)", "dir.d/a": "dir.d/a (2)", ".profile": ".profile (2)",
		"x/.profile": "x/.profile (2)", "a (b).txt": "a (b) (2).txt", "a ().txt": "a () (2).txt", "archive.tar.gz": "archive.tar (2).gz",
	} {
		if got := nextKey(key); got != want {
			t.Errorf("after %q comes %q, want %q", key, got, want)
		}
	}
}

func TestThePrefixIsBeforeAllKeys(t *testing.T) {
	q := filled("a", "b", "c")
	q.items[2].State = uploadSending
	q.setPrefix("x/")
	q.setKey(q.items[1], "x/other")
	q.setPrefix("y/z ")
	for i, want := range []string{"y/z a", "y/z other", "c"} {
		if got := q.items[i].Key; got != want {
			t.Errorf("the key is %q, want %q", got, want)
		}
	}
	q.setPrefix("")
	if q.items[0].Key != "a" {
		t.Errorf("without a prefix the key is %q", q.items[0].Key)
	}
}

func TestTheTimeLeftFollowsTheSpeed(t *testing.T) {
	var s speed
	if s.left(1000) != 0 {
		t.Error("something is known before anything was sent")
	}
	for at := range 101 { // 1000 bytes a second
		s.note(int64(at*100), 5000+float64(at)*100)
	}
	if left := s.left(60_000); left < 58 || left > 62 {
		t.Errorf("%d s left for a minute's bytes", left)
	}
	for at := range 200 { // the line gets ten times as slow
		s.note(10_000+int64(at*10), 15_100+float64(at)*100)
	}
	if left := s.left(60_000); left < 500 || left > 620 {
		t.Errorf("%d s left for ten minutes' bytes", left)
	}
	if s.left(0) != 0 {
		t.Error("nothing takes time")
	}
}

func TestPastedPicturesAreToldApart(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for n, want := range map[int]string{0: "pasted 2026-02-03 04.05.06.png", 1: "pasted 2026-02-03 04.05.06 (2).png"} {
		if got := pastedName("image.png", n, at); got != want {
			t.Errorf("the picture %d is called %q, want %q", n, got, want)
		}
	}
	if got := pastedName("report.pdf", 0, at); got != "report.pdf" {
		t.Errorf("a file is called %q", got)
	}
}

func TestShrunkPicturesKeepTheirShape(t *testing.T) {
	for _, c := range [][4]int{{4000, 3000, 2048, 1536}, {3000, 4000, 1536, 2048}, {100, 50, 100, 50}, {100_000, 1, 2048, 1}} {
		if w, h := fitted(c[0], c[1], shrunkSide); w != c[2] || h != c[3] {
			t.Errorf("%d x %d became %d x %d", c[0], c[1], w, h)
		}
	}
}

func TestUploadsPanelWhileThingsWait(t *testing.T) {
	s := newSession()
	for state, key := range map[uploadState]string{
		uploadPaused: "paused", uploadConflict: "conflict", uploadFailed: "failed", uploadWaiting: "waiting", uploadSending: "sending",
	} {
		u := s.uploads.add(evil, key, 2000, nil)
		u.State, u.Err = state, "why: "+evil
	}
	s.uploads.add("photo.jpg", "ready", 10, nil).Photo = true
	s.uploads.items[4].speed = speed{rate: 0.1}
	waits := s.uploads.append(&upload{Kind: outbox.Delete, Key: evil, State: uploadWaiting})
	s.uploads.append(&upload{Kind: outbox.Rename, Key: "from", To: "to", State: uploadConflict, Err: "it has changed"})
	wants := func(what string, markup string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(markup, text) {
				t.Errorf("%s: there is no %q in %s", what, text, markup)
			}
		}
	}
	wants("here", draw(t, &uploadsPanel{s: s}), `id="conflicts"`, `id="conflict-both"`, `data-state="paused"`, "Paused at", `id="retry-all"`,
		`id="resume-all"`, `id="upload-prefix"`, `id="upload-shrink"`, `data-act="pause"`, `data-act="anyway"`, "Waiting for its turn", "Delete “", "Rename “from”")
	s.conn = connState{Since: time.Now().Add(-time.Hour), Err: "refused"}
	wants("away", draw(t, &uploadsPanel{s: s}), `data-state="queued"`, "Queued: it is sent when the server answers", "Queued until the server answers")
	s.noOutbox = true
	waits.State = uploadWaiting
	wants("private", draw(t, &uploadsPanel{s: s}), "keep this page open")
	page := draw(t, &objectsPage{s: s})
	wants("the page", page, `id="offline-unavailable"`, `capture="environment"`, `webkitdirectory`)
}

package storage_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func TestHitComesFromMemory(t *testing.T) {
	f := start(t, nil)
	o := put(t, f.Store, "k", "the bytes")
	warm(t, f.Store, "k")
	gets, opened := f.index.getCalls.Load(), f.blobs.opened.Load()
	c := wantRead(t, f.Store, "k", "the bytes", storage.Hit)
	if c.Object != o || c.Steps.Cache <= 0 || c.Steps.Database != 0 || c.Steps.Blob != 0 {
		t.Errorf("a hit: %+v", c)
	}
	if f.index.getCalls.Load() != gets || f.blobs.opened.Load() != opened {
		t.Error("a hit asked the database or the blobs")
	}
	c, err := f.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Seek(-5, io.SeekEnd); n != 4 || err != nil {
		t.Errorf("Seek = %d, %v", n, err)
	}
	if b, _ := io.ReadAll(c); string(b) != "bytes" {
		t.Errorf("after Seek: %q", b)
	}
	closed(t, c)
	closed(t, c)
	if c.Bytes() != nil {
		t.Error("a closed content still has its bytes")
	}
}

func TestLargeObjectsBypass(t *testing.T) {
	f := start(t, nil)
	f.cache.maxItem = 1000
	large := strings.Repeat("large ", 1000)
	put(t, f.Store, "k", large)
	for range 3 {
		c := wantRead(t, f.Store, "k", large, storage.Bypass)
		if c.Detail != storage.DetailTooLarge {
			t.Errorf("the reason is %q", c.Detail)
		}
	}
	c, err := f.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.Body().(interface {
		SendTo(socket, n int) (int, error)
	}); !ok || c.Bytes() != nil {
		t.Errorf("a large object is a %T, want one that the kernel can send", c.Body())
	}
	if f.cache.fills.Load() != 0 {
		t.Error("it was filled into the cache")
	}
}

// TestMemoryOfMissesIsBounded: what does not fit is streamed, and memory is
// given back when content and fill are done.
func TestMemoryOfMissesIsBounded(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.ReadMemory = 1500 })
	content := strings.Repeat("x", 1000)
	for _, key := range []string{"a", "b"} {
		put(t, f.Store, key, content+key)
	}
	a, err := f.Open(t.Context(), "a")
	if err != nil || a.Source != storage.Miss {
		t.Fatalf("Open = %v, %v", a.Source, err)
	}
	if c := wantRead(t, f.Store, "b", content+"b", storage.Bypass); c.Detail != storage.DetailNoMemory {
		t.Errorf("the reason is %q", c.Detail)
	}
	closed(t, a)
	warm(t, f.Store, "a")
	warm(t, f.Store, "b")
}

func TestWithoutCache(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.Cache = nil })
	put(t, f.Store, "k", "old")
	put(t, f.Store, "k", "new")
	if c := wantRead(t, f.Store, "k", "new", storage.Bypass); c.Detail != storage.DetailNoCache {
		t.Errorf("the reason is %q", c.Detail)
	}
	if err := f.Clear(t.Context()); err != nil {
		t.Errorf("Clear: %v", err)
	}
	if err := f.Invalidate(t.Context(), "k"); err != nil {
		t.Errorf("Invalidate: %v", err)
	}
	if err := f.Delete(t.Context(), "k", storage.Cond{}); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if n := f.index.raised.Load(); n != 0 {
		t.Errorf("the generation was raised %d times", n)
	}
}

func TestFault69_CacheDownIsInvisible(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	warm(t, f.Store, "k")
	f.cache.cut.Store(true)
	if c := wantRead(t, f.Store, "k", "content", storage.Bypass); c.Detail != storage.DetailCacheDown {
		t.Errorf("the reason is %q", c.Detail)
	}
	wantCode(t, f.Clear(t.Context()), api.Unavailable)
	wantCode(t, f.Invalidate(t.Context(), "k"), api.Unavailable)
	f.cache.cut.Store(false)
	wantRead(t, f.Store, "k", "content", storage.Hit)
}

func TestClearAndInvalidate(t *testing.T) {
	f := start(t, nil)
	for _, key := range []string{"a", "b"} {
		put(t, f.Store, key, key)
		warm(t, f.Store, key)
	}
	if err := f.Invalidate(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "b", "b", storage.Hit)
	wantRead(t, f.Store, "a", "a", storage.Miss)
	if err := f.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "b", "b", storage.Miss)
}

func TestFault52_MissingBlob(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	if err := os.RemoveAll(filepath.Join(f.dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.NotFound)
	if !strings.Contains(err.Error(), "content missing") {
		t.Errorf("the error is %q", err)
	}
	_, err = f.Open(t.Context(), "k") // the lease was given back
	wantCode(t, err, api.NotFound)
}

// TestReplacedWhileOpening: the blob of the row just read is gone, because the
// object was replaced and its old blob swept.
func TestReplacedWhileOpening(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.Grace = time.Nanosecond })
	put(t, f.Store, "k", "old")
	f.index.onGet = func() {
		f.index.onGet = nil
		put(t, f.Store, "k", "new")
		if err := f.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got, _ := read(t, f.Store, "k"); got != "new" {
		t.Errorf("read %q", got)
	}
}

func TestFault53_DamagedBlob(t *testing.T) {
	f := start(t, nil)
	content := strings.Repeat("content ", 100)
	put(t, f.Store, "k", content)
	f.damage(t)
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.Internal)
	_, err = f.Open(t.Context(), "k") // it is in quarantine by now
	wantCode(t, err, api.NotFound)
	if f.cache.fills.Load() != 0 {
		t.Error("damaged bytes were filled into the cache")
	}
	put(t, f.Store, "k", content) // the same bytes again heal it
	wantRead(t, f.Store, "k", content, storage.Miss)
}

func TestFault53_CutBlob(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.Cache = nil })
	put(t, f.Store, "k", "content")
	paths, _ := filepath.Glob(filepath.Join(f.dir, "blobs", "*", "*"))
	if err := os.Truncate(paths[0], 3); err != nil {
		t.Fatal(err)
	}
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.Internal)
}

// TestFault53_DamagedBlobThatIsStreamed: what does not fit the cache is checked
// as it is read.
func TestFault53_DamagedBlobThatIsStreamed(t *testing.T) {
	f := start(t, nil)
	f.cache.maxItem = 100
	content := strings.Repeat("content ", 100_000)
	put(t, f.Store, "k", content)
	f.damage(t)
	c, err := f.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, c)
	part := make([]byte, 8)
	if _, err := c.Seek(-8, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, part); err != nil || string(part) != "content " || c.Err() != nil {
		t.Errorf("a part is %q, %v, %v: what is not read whole cannot be checked", part, err, c.Err())
	}
	if _, err := c.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	wantCode(t, err, api.Internal)
	wantCode(t, c.Err(), api.Internal)
	if len(b) >= len(content) {
		t.Error("every byte was given out before the damage was told")
	}
	_, err = f.Open(t.Context(), "k")
	wantCode(t, err, api.NotFound)
	if kept, _ := os.ReadDir(filepath.Join(f.dir, "quarantine")); len(kept) != 1 {
		t.Errorf("%d blobs are in quarantine, want the damaged one", len(kept))
	}
	put(t, f.Store, "k", content)
	wantRead(t, f.Store, "k", content, storage.Bypass)
}

func TestDatabaseDown(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "hot", "content")
	warm(t, f.Store, "hot")
	down := errors.New("no connection to 10.0.0.1")
	f.index.fail.Store(&down)
	wantRead(t, f.Store, "hot", "content", storage.Hit) // what is cached is still served
	_, err := f.Open(t.Context(), "cold")
	wantCode(t, err, api.Unavailable)
	if strings.Contains(err.Error(), "10.0.0.1") || !errors.Is(err, down) {
		t.Errorf("the error %q tells details, or has lost them", err)
	}
	_, err = f.Stat(t.Context(), "hot")
	wantCode(t, err, api.Unavailable)
	_, err = f.List(t.Context(), api.ListQuery{})
	if err != nil {
		t.Errorf("List, which does not fail here: %v", err)
	}
}

func TestCancelledOpen(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	done, release := f.fillSlowly(t, f.Store, "k")
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, err := f.Open(ctx, "k")
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled reader: %v", err)
	}
	release()
	<-done
}

// TestCloseWaitsForFills, and what is opened afterwards still works.
func TestCloseWaitsForFills(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	c, err := f.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.cache.fills.Load() != 1 {
		t.Error("Close did not wait for the fill")
	}
	closed(t, c)
	if err := f.Invalidate(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "k", "content", storage.Miss)
	if f.cache.fills.Load() != 1 {
		t.Error("a fill began after Close")
	}
}

func TestNotFoundIsNotCached(t *testing.T) {
	f := start(t, nil)
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.NotFound)
	if !errors.Is(err, fs.ErrNotExist) && api.AsError(err).Code != api.NotFound {
		t.Error(err)
	}
	put(t, f.Store, "k", "now it is there")
	wantRead(t, f.Store, "k", "now it is there", storage.Miss)
}

// TestFault78_SlowReadersOfHitsAreBounded: what does not fit is streamed past the
// cache, and memory is given back with the content.
func TestFault78_SlowReadersOfHitsAreBounded(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.ReadMemory = 2500 })
	content := strings.Repeat("x", 1000)
	for _, key := range []string{"a", "b"} {
		put(t, f.Store, key, content+key)
		warm(t, f.Store, key)
	}
	var slow []*storage.Content
	for range 2 {
		c, err := f.Open(t.Context(), "a")
		if err != nil || c.Source != storage.Hit {
			t.Fatalf("Open = %v, %v", c.Source, err)
		}
		slow = append(slow, c)
	}
	for range 3 {
		if c := wantRead(t, f.Store, "b", content+"b", storage.Bypass); c.Detail != storage.DetailNoMemory {
			t.Errorf("the reason is %q", c.Detail)
		}
	}
	closed(t, slow[0])
	closed(t, slow[0]) // counts once
	wantRead(t, f.Store, "b", content+"b", storage.Hit)
	closed(t, slow[1])
	if !f.Memory().TryAcquire(2500) {
		t.Error("memory is not given back")
	}
	f.Memory().Release(2500)
}

package storage_test

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"memcache/backend/internal/storage"
)

// TestFault72_ManyMissesOneRead: 1,000 readers at once, one read of the blob.
func TestFault72_ManyMissesOneRead(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "hot", "everyone wants this")
	release := f.blobs.block()
	defer release()
	f.blobs.seen = make(chan struct{}, 1000)
	var wg sync.WaitGroup
	sources := make(chan storage.Source, 1000)
	for range 1000 {
		wg.Go(func() {
			c, err := f.Open(t.Context(), "hot")
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if b, err := io.ReadAll(c); string(b) != "everyone wants this" || err != nil {
				t.Errorf("read %q, %v", b, err)
			}
			sources <- c.Source
		})
	}
	<-f.blobs.seen // the winner is at the blob; the others come meanwhile or later
	release()
	wg.Wait()
	if n := f.blobs.opened.Load(); n != 1 {
		t.Errorf("the blob was read %d times", n)
	}
	close(sources)
	count := map[storage.Source]int{}
	for s := range sources {
		count[s]++
	}
	if count[storage.Miss] != 1 || count[storage.Hit]+count[storage.Collapsed] != 999 {
		t.Errorf("sources: %v", count)
	}
}

// TestFault73_OverwriteRacesFill: a fill that began before an overwrite ends
// after it; the old bytes are never served again.
func TestFault73_OverwriteRacesFill(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	slow, release := f.fillSlowly(t, f.Store, "k")
	put(t, f.Store, "k", "new")
	// A reader who comes now does not wait for the fill of old bytes.
	wantRead(t, f.Store, "k", "new", storage.Miss)
	release()
	if got := <-slow; got != "old" && got != "new" {
		t.Errorf("the slow reader got %q", got)
	}
	if err := f.Close(t.Context()); err != nil { // waits for the slow fill
		t.Fatal(err)
	}
	if n := f.cache.fills.Load(); n != 2 {
		t.Errorf("there were %d fills, want the slow one and the new one", n)
	}
	wantCached(t, f.open(t, nil), "k", "new")
}

// TestFault73_FillBetweenCommitAndReply: a fill that comes back while the
// overwrite commits is refused, so that no reader sees new, then old bytes.
func TestFault73_FillBetweenCommitAndReply(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	done, release := f.fillSlowly(t, f.Store, "k")
	f.index.onPut = func() { // the row is committed, the writer has no answer yet
		wantRead(t, f.Store, "k", "new", storage.Bypass)
		release()
		<-done
		for range 3 {
			if got, c := read(t, f.Store, "k"); got != "new" {
				t.Errorf("during the commit: %q from %v after new bytes", got, c.Source)
			}
		}
	}
	put(t, f.Store, "k", "new")
	f.index.onPut = nil
	wantRead(t, f.Store, "k", "new", storage.Miss)
}

// TestInvalidateRacesFill: who comes after it does not wait for a fill from before.
func TestInvalidateRacesFill(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	done, release := f.fillSlowly(t, f.Store, "k")
	if err := f.Invalidate(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "k", "content", storage.Miss)
	release()
	<-done
}

// TestFault73_WaiterOfALostFill: a reader who waited for a fill that lost its
// race asks the cache anew.
func TestFault73_WaiterOfALostFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		put(t, f.Store, "k", "old")
		release := f.blobs.block()
		readAside(t, f.Store, "k")
		synctest.Wait()
		waiter := readAside(t, f.Store, "k")
		synctest.Wait()
		put(t, f.Store, "k", "new")
		release()
		if got := <-waiter; got != "new" {
			t.Errorf("the waiter got %q", got)
		}
		if err := f.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := f.cache.fills.Load(); n != 2 {
			t.Errorf("there were %d fills: the waiter did not fill the cache with the new bytes", n)
		}
	})
}

// TestFailedFill: the readers who waited read for themselves, and the next one
// gets the lease.
func TestFailedFill(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	f.cache.noFill.Store(true)
	wantRead(t, f.Store, "k", "content", storage.Miss)
	for range 3 {
		if got, c := read(t, f.Store, "k"); got != "content" || c.Source != storage.Bypass && c.Source != storage.Miss {
			t.Errorf("%q from %v", got, c.Source)
		}
	}
	f.cache.noFill.Store(false)
	warm(t, f.Store, "k")
}

// TestAnotherBackendHoldsTheLease: its fill is waited for, but not for long, and
// not by each reader anew.
func TestAnotherBackendHoldsTheLease(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.Wait = 30 * time.Millisecond })
	other := f.open(t, nil)
	put(t, f.Store, "k", "content")
	done, release := f.fillSlowly(t, other, "k")
	if c := wantRead(t, f.Store, "k", "content", storage.Bypass); c.Detail != storage.DetailTimeout {
		t.Errorf("the reason is %q", c.Detail)
	}
	asked := f.cache.gets.Load()
	if c := wantRead(t, f.Store, "k", "content", storage.Bypass); c.Detail != storage.DetailTimeout || f.cache.gets.Load() != asked+1 {
		t.Errorf("the next one asked the cache %d times: %q", f.cache.gets.Load()-asked, c.Detail)
	}
	release()
	<-done
	for deadline := time.Now().Add(time.Minute); ; { // the fill goes on after its reader has ended
		if _, c := read(t, f.Store, "k"); c.Source == storage.Hit {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what the other backend filled is never a hit")
		}
	}
}

package storagetest

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// indexRestore checks that a discarded row comes back as it was, once, while it is
// young and its key is free, and that its blob is in use until then.
func indexRestore(t *testing.T, x storage.Index) {
	deleted := time.UnixMilli(1_700_000_000_000).UTC()
	discard := func(key string) {
		t.Helper()
		if err := x.Discard(t.Context(), key, deleted); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(key string, since time.Time, want error) {
		t.Helper()
		if o, err := x.Restore(t.Context(), key, since); !errors.Is(err, want) {
			t.Errorf("Restore(%q, %v) = %+v, %v; want %v", key, since, o, err, want)
		}
	}
	refused("never there", time.Time{}, fs.ErrNotExist)
	if err := x.Discard(t.Context(), "never there", deleted); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("discarding what is not there: %v", err)
	}
	mustPut(t, x, row("k", 1))
	o := mustPut(t, x, row("k", 2))
	mustPut(t, x, row("other", 3))
	discard("k")
	if _, err := x.Get(t.Context(), "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a discarded row is still there: %v", err)
	}
	if page := mustList(t, x, api.ListQuery{}); page.Total != 1 || len(page.Objects) != 1 {
		t.Errorf("with one of two rows discarded, %d of %d are listed", len(page.Objects), page.Total)
	}
	if used, err := x.BlobsInUse(t.Context(), []string{o.Blob, "absent"}); err != nil || len(used) != 1 || !used[o.Blob] {
		t.Errorf("the blob of a discarded row is not in use: %v, %v", used, err)
	}
	refused("k", deleted.Add(time.Millisecond), fs.ErrNotExist)
	back, err := x.Restore(t.Context(), "k", deleted)
	if err != nil || back != o {
		t.Errorf("restored is %+v, %v; want %+v", back, err, o)
	}
	if got := mustGet(t, x, "k"); got != o {
		t.Errorf("the restored row is %+v, want %+v", got, o)
	}
	if page := mustList(t, x, api.ListQuery{Search: "k"}); page.Total != 1 || len(page.Objects) != 1 {
		t.Errorf("a search finds %d of %d restored rows", len(page.Objects), page.Total)
	}
	refused("k", time.Time{}, fs.ErrExist)
	discard("k")
	mustPut(t, x, row("k", 9))
	refused("k", deleted, fs.ErrExist)
	discard("k") // the newer one takes the place of the older one
	if back, err := x.Restore(t.Context(), "k", deleted); err != nil || back.Blob != row("k", 9).Blob {
		t.Errorf("restored is %+v, %v; want what was discarded last", back, err)
	}
	discard("k")
	if _, err := x.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused("k", time.Time{}, fs.ErrNotExist)
}

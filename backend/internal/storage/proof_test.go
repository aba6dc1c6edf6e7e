package storage_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// checksums are what a row may have for one: another than that of its blob may
// come from a program that does not know of them.
var checksums = map[string]func(f *fixture, o storage.Object) string{
	"its own":   func(_ *fixture, o storage.Object) string { return o.Checksum },
	"none":      func(*fixture, storage.Object) string { return "" },
	"another's": func(*fixture, storage.Object) string { return strings.Repeat("a", 16) },
}

// withChecksums runs test for each of them, with objects that are read into memory
// and with such that are streamed. The object "k" has the content.
func withChecksums(t *testing.T, content string, test func(t *testing.T, f *fixture, want storage.Source)) {
	for name, checksum := range checksums {
		for want, maxItem := range map[storage.Source]int64{storage.Miss: 0, storage.Bypass: 100} {
			t.Run(name+"/"+want.String(), func(t *testing.T) {
				f := start(t, nil)
				f.cache.maxItem = maxItem
				put(t, f.Store, "k", content)
				row := f.row(t)
				if err := f.index.SetChecksum(t.Context(), row.Blob, checksum(f, row)); err != nil {
					t.Fatal(err)
				}
				test(t, f, want)
			})
		}
	}
}

// row is the row of the object "k".
func (f *fixture) row(t *testing.T) storage.Object {
	t.Helper()
	row, err := f.index.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// TestChecksumOfARow: what is whole is read whatever checksum its row has, and the
// row has the right one afterwards.
func TestChecksumOfARow(t *testing.T) {
	content := strings.Repeat("content ", 100_000)
	withChecksums(t, content, func(t *testing.T, f *fixture, want storage.Source) {
		wantRead(t, f.Store, "k", content, want)
		if err := f.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		other := f.open(t, nil)
		put(t, other, "as it should be", content)
		right, err := f.index.Get(t.Context(), "as it should be")
		if row := f.row(t); err != nil || len(right.Checksum) != 16 || row.Checksum != right.Checksum || row.Version != 1 {
			t.Errorf("%v; the checksum is %q in version %d, want %q in the first", err, row.Checksum, row.Version, right.Checksum)
		}
	})
}

func TestFault53_DamageIsFoundWithAnyChecksum(t *testing.T) {
	content := strings.Repeat("content ", 100_000)
	withChecksums(t, content, func(t *testing.T, f *fixture, _ storage.Source) {
		f.damage(t)
		c, err := f.Open(t.Context(), "k")
		if err == nil {
			defer closed(t, c)
			_, err = io.Copy(io.Discard, struct{ io.Reader }{c})
		}
		wantCode(t, err, api.Internal)
		if f.cache.fills.Load() != 0 {
			t.Error("damaged bytes were filled into the cache")
		}
		_, err = f.Open(t.Context(), "k") // it is in quarantine by now
		wantCode(t, err, api.NotFound)
	})
}

// TestFault53_HealedMeanwhile: the hash of what a blob has now does not speak for
// what it gave before.
func TestFault53_HealedMeanwhile(t *testing.T) {
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
	if _, err := io.CopyN(io.Discard, struct{ io.Reader }{c}, int64(len(content)-8)); err != nil {
		t.Fatal(err)
	}
	f.damage(t) // the same bit: it is whole again
	_, err = io.Copy(io.Discard, struct{ io.Reader }{c})
	wantCode(t, err, api.Internal)
	wantRead(t, f.Store, "k", content, storage.Bypass) // and not in quarantine
}

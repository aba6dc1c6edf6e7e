package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// Index runs the conformance suite of [storage.Index]. open returns an empty
// index of the test's own, and closes it at the test's end.
func Index(t *testing.T, open func(t *testing.T) storage.Index) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, storage.Index)
	}{
		{"Absent", indexAbsent},
		{"PutGet", indexPutGet},
		{"Versions", indexVersions},
		{"Fault02_LongestKeys", indexLongestKeys},
		{"Fault03_KeysAreByteExact", indexByteExactKeys},
		{"Fault57_ConcurrentPutsOfOneKey", indexConcurrentPuts},
		{"ConcurrentWrites", indexConcurrentWrites},
		{"SetChecksum", indexSetChecksum},
		{"Copy", indexCopy},
		{"Rename", indexRename},
		{"ConcurrentRenames", indexConcurrentRenames},
		{"DeleteAll", indexDeleteAll},
		{"BlobsInUse", indexBlobsInUse},
		{"Pool", indexPool},
		{"ConcurrentPools", indexConcurrentPools},
		{"Fenced", indexFenced},
		{"FenceRace", indexFenceRace},
		{"Cancelled", indexCancelled},
		{"ListEmpty", listEmpty},
		{"ListOrders", listOrders},
		{"ListPages", listPages},
		{"Restore", indexRestore},
		{"ListPagesBackwards", listPagesBackwards},
		{"ListFromAKey", listFromAKey},
		{"ListWhileRowsChange", listWhileRowsChange},
		{"ListPrefix", listPrefix},
		{"Fault67_SearchIsLiteral", listSearch},
		{"ListPagesOfMatches", listPagesOfMatches},
		{"ListBrokenCursor", listBrokenCursor},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// epoch is the modification time of the first row of a test.
var epoch = time.UnixMilli(1_700_000_000_123).UTC()

// row is the object of key, modified n seconds after epoch.
func row(key string, n int) storage.Object {
	return storage.Object{
		Key: key, Blob: blobID(n), Size: int64(n), Type: "image/png",
		Modified: epoch.Add(time.Duration(n) * time.Second),
	}
}

func blobID(n int) string { return fmt.Sprintf("%064x", n) }

func mustPut(t *testing.T, x storage.Index, o storage.Object) storage.Object {
	t.Helper()
	got, err := x.Put(t.Context(), o)
	if err != nil {
		t.Fatalf("Put(%q): %v", o.Key, err)
	}
	return got
}

func mustGet(t *testing.T, x storage.Index, key string) storage.Object {
	t.Helper()
	got, err := x.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return got
}

func wantAbsent(t *testing.T, x storage.Index, key string) {
	t.Helper()
	if o, err := x.Get(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get(%q) = %+v, %v; want fs.ErrNotExist", key, o, err)
	}
}

func indexAbsent(t *testing.T, x storage.Index) {
	mustPut(t, x, row("there", 1))
	wantAbsent(t, x, "absent")
	if err := x.Delete(t.Context(), "absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Delete = %v; want fs.ErrNotExist", err)
	}
	mustGet(t, x, "there")
	if err := x.Delete(t.Context(), "there"); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, x, "there")
	if err := x.Delete(t.Context(), "there"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second Delete = %v; want fs.ErrNotExist", err)
	}
}

func indexPutGet(t *testing.T, x storage.Index) {
	o := storage.Object{
		Key: "photo", Blob: blobID(7), Size: 1 << 40, Type: `text/plain; charset="utf-8"`,
		Checksum: "0123456789abcdef",
		Modified: time.Date(2024, 2, 29, 23, 59, 59, 987_654_321, time.FixedZone("far", 14*3600)),
	}
	put := mustPut(t, x, o)
	want := o
	want.Modified = time.Date(2024, 2, 29, 9, 59, 59, 987_000_000, time.UTC)
	want.Created, want.Version = want.Modified, 1
	if put != want {
		t.Errorf("Put returned\n%+v, want\n%+v", put, want)
	}
	if got := mustGet(t, x, "photo"); got != want {
		t.Errorf("Get returned\n%+v, want\n%+v", got, want)
	}
	page := mustList(t, x, api.ListQuery{})
	if len(page.Objects) != 1 || page.Objects[0] != want {
		t.Errorf("List returned\n%+v, want\n%+v", page.Objects, want)
	}
}

func indexVersions(t *testing.T, x storage.Index) {
	for n := 1; n <= 3; n++ {
		put := mustPut(t, x, row("k", n))
		want := row("k", n)
		want.Created, want.Version = epoch.Add(time.Second), int64(n)
		if got := mustGet(t, x, "k"); got != want || put != want {
			t.Errorf("after Put %d: Put returned\n%+v, Get\n%+v, want\n%+v", n, put, got, want)
		}
	}
	mustPut(t, x, row("other", 1))
	if err := x.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if again := mustPut(t, x, row("k", 9)); again.Version != 1 || !again.Created.Equal(again.Modified) {
		t.Errorf("Put after Delete = %+v; want version 1, created when modified", again)
	}
}

func indexLongestKeys(t *testing.T, x storage.Index) {
	longest := strings.Repeat("k", api.MaxKeyBytes-1)
	wide := strings.Repeat("\U0001F600", api.MaxKeyBytes/4)
	keys := []string{longest, longest + "a", longest + "b", wide}
	for i, key := range keys {
		mustPut(t, x, row(key, i))
	}
	for i, key := range keys {
		if got := mustGet(t, x, key); got.Key != key || got.Size != int64(i) || got.Version != 1 {
			t.Errorf("key %d: got size %d, version %d, key %q", i, got.Size, got.Version, got.Key)
		}
	}
	if got := walk(t, x, api.ListQuery{Sort: api.SortKey, Limit: 1}, nil); !slices.Equal(got, keys) {
		t.Errorf("listed %d keys of %d", len(got), len(keys))
	}
}

// exactKeys are pairwise different keys that a database, a collation or a
// pattern might take for each other or alter.
var exactKeys = []string{
	"a", "A", "a ", " a", "a  ", " ", "\u00a0", "a\u00a0", "aa",
	"caf\u00e9", "cafe\u0301", "cafe", "CAF\u00c9", // NFC, NFD, without, upper case
	"\u00df", "ss", "\u1e9e", "\u0131", "i", "I", "\u0130", "\u017f", "\u212a", "k", "K",
	"/", "//", "/a", "a/", "a//b", ".", "..", "a/./b", "../../etc/passwd", `..\x`, "%2e%2e%2f", "CON",
	"%", "_", "a%b", "a_b", "100%", "?", "#", "a?b#c", "'", "''", `"`, "`", `\`, `\\`, `\%`, ";", "--", "';DROP TABLE objects;--",
	"<img onerror=alert(1)>", "\U0001F600", "\U0001F600\u200d\U0001F4BB", "\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "\ufeffa", "\ufffd", "\U0010ffff",
	"0", "00", "0.0", "1e0", "1", "NULL", "true", "x'61'",
}

func indexByteExactKeys(t *testing.T, x storage.Index) {
	for i, key := range exactKeys {
		if got := mustPut(t, x, row(key, i)); got.Version != 1 {
			t.Errorf("%q was taken for another key: version %d", key, got.Version)
		}
	}
	for i, key := range exactKeys {
		if got := mustGet(t, x, key); got.Key != key || got.Size != int64(i) {
			t.Errorf("Get(%q) = key %q, size %d; want size %d", key, got.Key, got.Size, i)
		}
	}
	if got, want := walk(t, x, api.ListQuery{Sort: api.SortKey, Limit: 3}, nil), sorted(exactKeys); !slices.Equal(got, want) {
		t.Errorf("listed\n%q, want\n%q", got, want)
	}
	for i, key := range exactKeys {
		if err := x.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
		wantAbsent(t, x, key)
		if i+1 < len(exactKeys) {
			mustGet(t, x, exactKeys[i+1])
		}
	}
}

func sorted(keys []string) []string {
	s := slices.Clone(keys)
	slices.Sort(s)
	return s
}

// inParallel runs f with each number below n, all at once.
func inParallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func indexConcurrentPuts(t *testing.T, x storage.Index) {
	const writers, each = 16, 8
	versions := make([][]int64, writers)
	inParallel(writers, func(i int) {
		for n := range each {
			o, err := x.Put(t.Context(), row("one", i*each+n))
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
				return
			}
			versions[i] = append(versions[i], o.Version)
		}
	})
	all := slices.Concat(versions...)
	slices.Sort(all)
	for i, v := range all {
		if v != int64(i+1) {
			t.Fatalf("version %d was given instead of %d", v, i+1)
		}
	}
	if got := mustGet(t, x, "one"); len(all) != writers*each || got.Version != writers*each {
		t.Errorf("%d versions were given and the row has %d; want %d", len(all), got.Version, writers*each)
	}
}

// indexConcurrentWrites lets writers of a few keys, new and old, meet: none may
// fail, and at the end each row is whole.
func indexConcurrentWrites(t *testing.T, x storage.Index) {
	inParallel(12, func(i int) {
		for n := range 8 {
			key := fmt.Sprintf("key %d", (i+n)%5)
			if _, err := x.Put(t.Context(), row(key, i)); err != nil {
				t.Errorf("Put: %v", err)
			}
			if n%3 != 0 {
				continue
			}
			if err := x.Delete(t.Context(), key); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Delete: %v", err)
			}
		}
	})
	for _, o := range mustList(t, x, api.ListQuery{}).Objects {
		want := row(o.Key, int(o.Size))
		if o.Blob != want.Blob || !o.Modified.Equal(want.Modified) || o.Version < 1 {
			t.Errorf("a mixed row: %+v", o)
		}
	}
}

func indexDeleteAll(t *testing.T, x storage.Index) {
	before := mustPool(t, x).Generation
	for _, want := range []int{0, 25, 1} {
		for i := range want {
			mustPut(t, x, row(fmt.Sprint(i), i))
		}
		if n, err := x.DeleteAll(t.Context()); err != nil || n != int64(want) {
			t.Errorf("DeleteAll = %d, %v; want %d", n, err, want)
		}
		if page := mustList(t, x, api.ListQuery{}); len(page.Objects) != 0 || page.Total != 0 {
			t.Errorf("after DeleteAll: %+v", page)
		}
	}
	if after := mustPool(t, x).Generation; after != before {
		t.Errorf("DeleteAll changed the generation from %d to %d", before, after)
	}
}

func indexBlobsInUse(t *testing.T, x storage.Index) {
	ids := make([]string, 500)
	for i := range ids {
		ids[i] = blobID(i)
		if i%5 == 0 {
			mustPut(t, x, row(fmt.Sprint("first ", i), i))
			mustPut(t, x, row(fmt.Sprint("second ", i), i))
		}
	}
	mustPut(t, x, row("first 5", 10)) // the second row of blob 5 still names it
	mustPut(t, x, row("first 15", 10))
	if err := x.Delete(t.Context(), "second 15"); err != nil {
		t.Fatal(err)
	}
	used, err := x.BlobsInUse(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if want := i%5 == 0 && i != 15; used[id] != want {
			t.Errorf("blob %d in use: %t, want %t", i, used[id], want)
		}
	}
	if used, err := x.BlobsInUse(t.Context(), nil); err != nil || len(used) != 0 {
		t.Errorf("BlobsInUse of none = %v, %v", used, err)
	}
}

func indexCancelled(t *testing.T, x storage.Index) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := x.Get(ctx, "k")
	_, putErr := x.Put(ctx, row("k", 1))
	_, listErr := x.List(ctx, api.ListQuery{Sort: api.SortKey, Limit: 1})
	for name, err := range map[string]error{"Get": getErr, "Put": putErr, "List": listErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	wantAbsent(t, x, "k")
	mustPut(t, x, row("k", 1))
}

func indexSetChecksum(t *testing.T, x storage.Index) {
	a, b, other := mustPut(t, x, row("a", 1)), mustPut(t, x, row("b", 1)), mustPut(t, x, row("other", 2))
	for _, checksum := range []string{"0123456789abcdef", "0123456789abcdef", "fedcba9876543210"} {
		if err := x.SetChecksum(t.Context(), a.Blob, checksum); err != nil {
			t.Fatal(err)
		}
		a.Checksum, b.Checksum = checksum, checksum
		for _, want := range []storage.Object{a, b, other} {
			if got := mustGet(t, x, want.Key); got != want {
				t.Errorf("the row is %+v, want %+v", got, want)
			}
		}
	}
	if err := x.SetChecksum(t.Context(), blobID(3), "0123456789abcdef"); err != nil {
		t.Errorf("of a blob that no row names: %v", err)
	}
	if again := mustPut(t, x, row("a", 3)); again.Checksum != "" {
		t.Errorf("a new blob has the old one's checksum: %+v", again)
	}
}

func indexCopy(t *testing.T, x storage.Index) {
	from := mustPut(t, x, row("from", 1))
	later := from.Modified.Add(time.Hour)
	got, err := x.Copy(t.Context(), "from", "to", later, false)
	want := from
	want.Key, want.Modified, want.Created, want.Version = "to", later, later, 1
	if err != nil || got != want || mustGet(t, x, "to") != want {
		t.Errorf("the copy is %+v, %v; want %+v", got, err, want)
	}
	if mustGet(t, x, "from") != from {
		t.Error("copying has changed the original")
	}
	mustPut(t, x, row("from", 2))
	got, err = x.Copy(t.Context(), "from", "to", later.Add(time.Hour), false)
	if err != nil || got.Version != 2 || !got.Created.Equal(later) || got.Blob != blobID(2) {
		t.Errorf("over an object that was there it is %+v, %v", got, err)
	}
	if _, err := x.Copy(t.Context(), "absent", "to", later, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an absent object: %v, want fs.ErrNotExist", err)
	}
	if got := mustGet(t, x, "to"); got.Version != 2 {
		t.Errorf("a copy that failed has changed its target: %+v", got)
	}
}

func indexRename(t *testing.T, x storage.Index) {
	from := mustPut(t, x, row("from", 1))
	later := from.Modified.Add(time.Hour)
	got, err := x.Copy(t.Context(), "from", "to", later, true)
	if err != nil || got.Blob != from.Blob || got.Version != 1 {
		t.Errorf("renamed: %+v, %v", got, err)
	}
	wantAbsent(t, x, "from")
	if _, err := x.Copy(t.Context(), "from", "to", later, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second time: %v, want fs.ErrNotExist", err)
	}
	if got := mustGet(t, x, "to"); got.Version != 1 {
		t.Errorf("a rename that failed has changed its target: %+v", got)
	}
}

// indexConcurrentRenames: of many that move one object, one does, and those that
// cross each other end.
func indexConcurrentRenames(t *testing.T, x storage.Index) {
	mustPut(t, x, row("one", 1))
	mustPut(t, x, row("a", 2))
	mustPut(t, x, row("b", 3))
	var wg sync.WaitGroup
	moved := make(chan string, 8)
	for i := range 8 {
		to := fmt.Sprintf("to-%d", i)
		wg.Go(func() {
			if _, err := x.Copy(t.Context(), "one", to, epoch, true); err == nil {
				moved <- to
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
		from, to2 := "a", "b"
		if i%2 == 1 {
			from, to2 = to2, from
		}
		wg.Go(func() {
			if _, err := x.Copy(t.Context(), from, to2, epoch, false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(moved)
	if len(moved) != 1 {
		t.Errorf("%d of 8 renames of one object succeeded", len(moved))
	}
	for to := range moved {
		mustGet(t, x, to)
	}
}

package sqlindex

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/login"
	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// wantRefused checks that err says that nothing can be changed.
func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || api.AsError(err).Code != api.Unavailable || !strings.Contains(err.Error(), "nothing can be changed") {
		t.Errorf("%s: %v; want that nothing can be changed", what, err)
	}
}

func mustGeneration(t *testing.T, db *DB) int64 {
	t.Helper()
	s, err := db.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Generation
}

// changes are all ways to change what is copied.
func changes(t *testing.T, db *DB) map[string]error {
	ctx := t.Context()
	rows := db.Fenced(mustGeneration(t, db))
	failed := map[string]error{}
	_, failed["put"] = rows.Put(ctx, storage.Object{Key: "new", Blob: "b", Type: "text/plain", Modified: fromMillis(1)})
	_, failed["copy"] = rows.Copy(ctx, "there", "copied", fromMillis(1), false)
	failed["discard"] = rows.Discard(ctx, "there", fromMillis(1))
	_, failed["restore"] = rows.Restore(ctx, "there", fromMillis(0))
	failed["delete"] = rows.Delete(ctx, "there")
	_, failed["delete all"] = rows.DeleteAll(ctx)
	failed["save an account"] = db.SaveLogin(ctx, login.Login{ID: [32]byte{1}, Kind: api.LoginAccount})
	_, failed["add a passkey"] = db.AddLogin(ctx, login.Login{ID: [32]byte{2}, Kind: api.LoginPasskey})
	_, failed["revoke"] = db.DeleteLogin(ctx, [32]byte{1})
	failed["renew the share key"] = db.RenewShareKey(ctx)
	failed["save the settings"] = db.SaveSettings(ctx, 1<<30, "random")
	_, failed["save the autopilot"] = db.SaveAutopilot(ctx, []byte("{}"), 0, 0, 0)
	_, failed["sweep"] = db.BlobsInUse(ctx, []string{"b"})
	return failed
}

// TestFrozenRowsDoNotChange: all that a copy is about stays as it is, and all else goes on.
func TestFrozenRowsDoNotChange(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db, ctx := mustOpen(t, c), t.Context()
		if _, err := db.Put(ctx, storage.Object{Key: "there", Blob: "b", Type: "text/plain", Modified: fromMillis(1)}); err != nil {
			t.Fatal(err)
		}
		if err := db.Freeze(ctx, "elsewhere"); err != nil {
			t.Fatal(err)
		}
		for what, err := range changes(t, db) {
			wantRefused(t, what, err)
		}
		_, claimed := db.ClaimAnswer(ctx, [32]byte{3}, "claim", keepTokens)
		_, leads := db.Lead(ctx, "holder", keepTokens)
		err := errors.Join(db.SaveLogin(ctx, login.Login{ID: [32]byte{4}, Kind: api.LoginSession}), db.RecordSample(ctx, "node", api.Sample{Time: 1}), claimed, leads)
		if o, failed := db.Get(ctx, "there"); failed != nil || o.Version != 1 || err != nil {
			t.Errorf("the object is %+v, %v; a session, a sample, a claim or the lead: %v", o, failed, err)
		}
		if m, err := db.Moving(ctx); err != nil || !m.Frozen || m.To != "elsewhere" || m.From != "" {
			t.Errorf("Moving = %+v, %v", m, err)
		}
		if err := db.Thaw(ctx); err != nil {
			t.Fatal(err)
		}
		for what, err := range changes(t, db) {
			// Those that come after the deletion of the object find none.
			if err != nil && strings.Contains(err.Error(), "nothing can be changed") {
				t.Errorf("afterwards, %s: %v", what, err)
			}
		}
	})
}

// TestFreezeWaitsForChanges: what is committed when Freeze returns is all there will be.
func TestFreezeWaitsForChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db, ctx := mustOpen(t, c), t.Context()
		generation := mustGeneration(t, db)
		stopped := make(chan int)
		for w := range 4 {
			go func() {
				n := 0
				for ; ; n++ {
					if _, err := db.Fenced(generation).Put(ctx, storage.Object{Key: fmt.Sprint(w, "/", n), Blob: "b", Type: "text/plain", Modified: fromMillis(1)}); err != nil {
						break
					}
				}
				stopped <- n
			}()
		}
		for n := int64(0); n < 20; {
			var err error
			if n, err = db.ObjectTotal(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Freeze(ctx, "elsewhere"); err != nil {
			t.Fatal(err)
		}
		found, err := db.ObjectTotal(ctx)
		made := <-stopped + <-stopped + <-stopped + <-stopped
		if err != nil || found != int64(made) {
			t.Errorf("%d objects were there, %v, but %d were stored", found, err, made)
		}
	})
}

// TestOnlyTheStoresServersChangeRows, after the blobs have moved to another one.
func TestOnlyTheStoresServersChangeRows(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		c.Store = "files"
		old, ctx := mustOpen(t, c), t.Context()
		c.Store = "s3://bucket"
		moved := mustOpen(t, c)
		if err := errors.Join(old.BeginRehousing(ctx, "s3://bucket"), old.AddMovedBlobs(ctx, []string{"a", "b"})); err != nil {
			t.Fatal(err)
		}
		if err := old.SaveSettings(ctx, 1<<30, "random"); err != nil {
			t.Errorf("meanwhile: %v", err)
		}
		if err := errors.Join(old.Freeze(ctx, "s3://bucket"), old.EndRehousing(ctx, "s3://bucket"), old.ForgetMovedBlobs(ctx)); err != nil {
			t.Fatal(err)
		}
		for what, err := range changes(t, old) {
			wantRefused(t, what, err)
		}
		if err := moved.SaveSettings(ctx, 1<<31, "random"); err != nil {
			t.Errorf("with the new store: %v", err)
		}
		m, err := old.Moving(ctx)
		if err != nil || m != (Moving{OnlyStore: "s3://bucket"}) {
			t.Errorf("Moving = %+v, %v", m, err)
		}
		if ids, err := old.MovedBlobs(ctx, []string{"a", "b"}); err != nil || len(ids) != 0 {
			t.Errorf("still noted as moved: %v, %v", ids, err)
		}
	})
}

// TestPartOfACopyIsNotServed: no server starts on it, and no other copy goes into it.
func TestPartOfACopyIsNotServed(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		c.Receives = true
		db, ctx := mustOpen(t, c), t.Context()
		for range 2 { // the second goes on
			if err := db.BeginReceiving(ctx, "there"); err != nil {
				t.Fatal(err)
			}
			if ids, err := db.MovedBlobs(ctx, []string{"a"}); err != nil || len(ids) != 0 && !ids["a"] {
				t.Fatal(ids, err)
			}
			if err := db.AddMovedBlobs(ctx, []string{"a"}); err != nil {
				t.Fatal(err)
			}
		}
		if ids, err := db.MovedBlobs(ctx, []string{"a", "b"}); err != nil || !ids["a"] || ids["b"] {
			t.Errorf("noted as moved: %v, %v", ids, err)
		}
		if err := db.BeginReceiving(ctx, "elsewhere"); err == nil || !strings.Contains(err.Error(), "a copy from there") {
			t.Errorf("another copy: %v", err)
		}
		if err := db.Thaw(ctx); err == nil {
			t.Error("it can be changed")
		}
		served := c
		served.Receives = false
		for _, open := range []func(context.Context, Config) (*DB, error){Open, OpenExisting} {
			if other, err := open(ctx, served); err == nil || !strings.Contains(err.Error(), "a part of a copy from there") {
				t.Errorf("opened to be served: %v", errors.Join(err, other.Close()))
			}
		}
		nodes := (&pool.State{Generation: 5}).Change([]string{"unix:/a"})
		before, err := db.ChangePool(ctx, mustGeneration(t, db), nodes)
		if err != nil || len(before.Nodes) != 1 {
			t.Fatal(before, err)
		}
		for _, source := range []int64{0, time.Now().Add(time.Hour).UnixMilli()} {
			if err := db.EndReceiving(ctx, source); err != nil {
				t.Fatal(err)
			}
			after, err := db.Pool(ctx)
			if err != nil || after.Generation < max(source, before.Generation)+generationStep || len(after.Nodes) != 0 {
				t.Errorf("the generation was %d, that of the source %d, and it is %+v, %v", before.Generation, source, after, err)
			}
		}
		if err := mustOpen(t, served).SaveSettings(ctx, 1, "lru"); err != nil {
			t.Errorf("when it has ended: %v", err)
		}
	})
}

// TestOccupiedDatabaseReceivesNothing: neither objects nor accounts are overwritten.
func TestOccupiedDatabaseReceivesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db, ctx := mustOpen(t, c), t.Context()
		if err := db.SaveLogin(ctx, login.Login{ID: [32]byte{1}, Kind: api.LoginAccount}); err != nil {
			t.Fatal(err)
		}
		if err := db.BeginReceiving(ctx, "there"); !errors.Is(err, ErrOccupied) {
			t.Errorf("over an account: %v", err)
		}
		if _, err := db.DeleteLogin(ctx, [32]byte{1}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Put(ctx, storage.Object{Key: "k", Blob: "b", Type: "text/plain", Modified: fromMillis(1)}); err != nil {
			t.Fatal(err)
		}
		if err := db.BeginReceiving(ctx, "there"); !errors.Is(err, ErrOccupied) {
			t.Errorf("over an object: %v", err)
		}
		if m, err := db.Moving(ctx); err != nil || m != (Moving{}) {
			t.Errorf("Moving = %+v, %v", m, err)
		}
	})
}

// TestBlobsAreListedInOrder, each once, with their sizes.
func TestBlobsAreListedInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db, ctx := mustOpen(t, c), t.Context()
		var want []BlobSize
		var rows []storage.Object
		for i := range 2*snapshotPage + 7 {
			b := BlobSize{fmt.Sprintf("%064x", i*i), int64(i)}
			want = append(want, b)
			for copies := range 1 + i%2 {
				rows = append(rows, storage.Object{Key: fmt.Sprint(i, "/", copies), Blob: b.ID, Size: b.Size, Type: "text/plain"})
			}
		}
		if err := db.Load(ctx, func(l *Loader) error { return l.Objects(rows) }); err != nil {
			t.Fatal(err)
		}
		var got []BlobSize
		for after := ""; ; after = got[len(got)-1].ID {
			page, err := db.BlobsAfter(ctx, after)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, page...); len(page) == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("listed are %d blobs, want %d", len(got), len(want))
		}
		n, bytes, err := db.BlobTotal(ctx)
		if last := int64(len(want) - 1); err != nil || n != int64(len(want)) || bytes != last*(last+1)/2 {
			t.Errorf("BlobTotal = %d, %d, %v", n, bytes, err)
		}
		if keys, err := db.KeysOf(ctx, want[3].ID, 5); err != nil || !slices.Equal(keys, []string{"3/0", "3/1"}) {
			t.Errorf("KeysOf = %q, %v", keys, err)
		}
		if err := db.Discard(ctx, "3/0", fromMillis(1)); err != nil {
			t.Fatal(err)
		}
		if page, err := db.TrashBlobsAfter(ctx, ""); err != nil || !slices.Equal(page, want[3:4]) {
			t.Errorf("TrashBlobsAfter = %v, %v", page, err)
		}
	})
}

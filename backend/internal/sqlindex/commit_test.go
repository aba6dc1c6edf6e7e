package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// openCut opens a database over a link that can be cut.
func openCut(t *testing.T) (*DB, *mariadbtest.Link) {
	t.Helper()
	c := mariadbConfig(t)
	dsn, link := mariadbtest.StartLink(t)
	c.DSN = dsn
	return mustOpen(t, c), link
}

var cuts = map[string]mariadbtest.Cut{
	"before the commit": mariadbtest.CutBeforeCommit,
	"after the commit":  mariadbtest.CutAfterCommit,
}

// TestFault62_ConnectionLostInCommit: each change is made, and made once.
func TestFault62_ConnectionLostInCommit(t *testing.T) {
	db, link := openCut(t)
	object := func(key, blob string) storage.Object {
		return storage.Object{Key: key, Blob: blob, Type: "text/plain", Modified: fromMillis(1)}
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			if _, err := db.DeleteAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			for want := int64(1); want <= 2; want++ {
				link.CutNext(cut)
				if o, err := db.Put(t.Context(), object("k", "b")); err != nil || o.Version != want {
					t.Errorf("Put gave the version %d, %v; want %d", o.Version, err, want)
				}
			}
			link.CutNext(cut)
			if o, err := db.Copy(t.Context(), "k", "copy", fromMillis(2), false); err != nil || o.Version != 1 {
				t.Errorf("Copy = %+v, %v", o, err)
			}
			link.CutNext(cut)
			if o, err := db.Copy(t.Context(), "copy", "k", fromMillis(3), true); err != nil || o.Version != 3 {
				t.Errorf("Rename = %+v, %v", o, err)
			}
			if _, err := db.Get(t.Context(), "copy"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Get of the renamed = %v", err)
			}
			link.CutNext(cut)
			if err := db.Delete(t.Context(), "k"); err != nil {
				t.Errorf("Delete = %v", err)
			}
			if _, err := db.Put(t.Context(), object("last", "b")); err != nil {
				t.Error(err)
			}
			link.CutNext(cut)
			if n, err := db.DeleteAll(t.Context()); err != nil || n != 1 {
				t.Errorf("DeleteAll = %d, %v", n, err)
			}
			before, err := db.Pool(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			to := before.Change([]string{"unix:/a"})
			link.CutNext(cut)
			if after, err := db.ChangePool(t.Context(), before.Generation, to); err != nil || after.Generation != to.Generation {
				t.Errorf("ChangePool = %+v, %v; want %+v", after, err, to)
			}
		})
	}
}

// TestFault62_HungCommitEndsAtItsDeadline: the server gets no COMMIT and says
// nothing. The change is not made, and its caller hears of it in time.
func TestFault62_HungCommitEndsAtItsDeadline(t *testing.T) {
	db, link := openCut(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	link.CutNext(mariadbtest.CutByHanging)
	_, err := db.Put(ctx, storage.Object{Key: "k", Type: "text/plain"})
	if api.AsError(err).Code != api.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put = %v; want unavailable for the deadline", err)
	}
	if _, err := db.Get(t.Context(), "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get = %v; want that it was not put", err)
	}
}

// TestFault62_OutcomeThatNobodyKnows: the server is gone for good, so whoever
// was committing hears that it is in doubt.
func TestFault62_OutcomeThatNobodyKnows(t *testing.T) {
	db, link := openCut(t)
	link.CutNext(mariadbtest.CutForGood)
	_, err := db.Put(t.Context(), storage.Object{Key: "k", Type: "text/plain"})
	if api.AsError(err).Code != api.Unavailable || !strings.Contains(err.Error(), "did not say whether the change was made") {
		t.Errorf("Put = %v; want that it is in doubt", err)
	}
}

func TestTokensAreForgotten(t *testing.T) {
	db := mustOpen(t, mariadbConfig(t))
	for range 3 {
		if _, err := db.Put(t.Context(), storage.Object{Key: "k", Type: "text/plain"}); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := db.reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM commits").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	prune(t, db, time.Now())
	if n := count(); before < 3 || n < before {
		t.Errorf("%d tokens, %d after pruning at once; want them kept", before, n)
	}
	if err := db.pruneTokens(t.Context(), time.Now().Add(keepTokens+time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d tokens are left after an hour", n)
	}
}

// TestWhatIsGivenUpSaysSo: a transaction whose context ended before its commit was rolled
// back by then, and the error is the context's.
func TestWhatIsGivenUpSaysSo(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		err := inTx(ctx, db.writer, nil, func(_ context.Context, tx *sql.Tx) error {
			cancel()
			for {
				if _, err := tx.ExecContext(t.Context(), "UPDATE settings SET capacity = 1"); errors.Is(err, sql.ErrTxDone) {
					return nil
				}
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		if s, err := db.Settings(t.Context()); err != nil || s.Capacity == 1 {
			t.Errorf("the settings are %+v, %v", s, err)
		}
	})
}

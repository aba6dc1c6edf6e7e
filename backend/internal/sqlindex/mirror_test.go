package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/login"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// notCopied are the tables that a copy makes anew, or does without.
var notCopied = []string{
	"settings",                       // of which the capacity and the policy are copied
	"totals", "key_parts", "numbers", // kept beside the objects
	"leader", "running", "commits", "moved_blobs", // of the servers on one database
	"goose_db_version", "objects_search", // and what FTS5 keeps for its tables
}

// TestEveryTableIsCopied, with each of its columns, or is known not to be.
func TestEveryTableIsCopied(t *testing.T) {
	all := append([]table{copiedObjects, copiedUploads}, copiedTables...)
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		query := "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
		if c.DSN != "" {
			query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
		}
		rows, err := db.reader.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		seen := 0
		for rows.Next() {
			var name, column string
			if err := rows.Scan(&name, &column); err != nil {
				t.Fatal(err)
			}
			known := slices.ContainsFunc(notCopied, func(n string) bool { return name == n || strings.HasPrefix(name, n+"_") })
			copied := slices.ContainsFunc(all, func(t table) bool { return t.name == name && slices.Contains(strings.Split(t.names(), ", "), column) })
			// Rows of objects get other ids, and claims are not copied.
			if known == (copied || name == "objects" && column == "id" || name == "answers" && column == "claim") {
				t.Errorf("%s.%s is copied: %v, and known not to be: %v", name, column, copied, known)
			}
			if copied {
				seen++
			}
		}
		for _, table := range all {
			seen -= len(table.columns)
		}
		if err := rows.Err(); err != nil || seen != 0 {
			t.Errorf("columns are copied that are not there: %d, %v", -seen, err)
		}
	})
}

// fillAll adds rows to all tables that are copied.
func fillAll(t *testing.T, db *DB) {
	t.Helper()
	ctx := t.Context()
	var rows []storage.Object
	for i := range 2*snapshotPage + 100 {
		rows = append(rows, storage.Object{
			Key: fmt.Sprintf("é/%d %%_'\"🐼", i*7919%1100), Blob: fmt.Sprintf("%064x", i/2), Size: int64(i), Type: "text/plain",
			Created: fromMillis(int64(i)), Modified: fromMillis(int64(2 * i)), Version: int64(i%5 + 1), Checksum: "0123456789abcdef"[:i%2*16],
		})
	}
	errs := []error{
		db.Load(ctx, func(l *Loader) error { return l.Objects(rows) }),
		db.Discard(ctx, rows[3].Key, time.Now()),
		db.SaveLogin(ctx, login.Login{ID: [32]byte{0, 1, 0xff}, Kind: api.LoginAccount, Account: "admin", Name: "ä", Password: "$argon2id$", Data: "{}", Created: 5}),
		db.RenewShareKey(ctx), db.KeepAnswer(ctx, [32]byte{7}, []byte{0, 1, 2, 0xff}, time.Hour), db.SaveSettings(ctx, 5<<20, "random"),
		db.KeepPromise(ctx, fromMillis(5), []byte(`{"hits":0.5}`)), db.RecordSample(ctx, "other", api.Sample{Time: 7, Seconds: 0.1, Reads: api.Reads{Seconds: 1.0 / 3}}),
	}
	for i := range 3 * snapshotPage {
		errs = append(errs, db.RecordSample(ctx, fmt.Sprint("unix:", i%3), api.Sample{Time: int64(i / 10 * 5000), Seconds: 5.000123456789, Requests: int64(i)}))
	}
	for i := range 2*notePage + 10 {
		errs = append(errs, db.KeepCurves(ctx, fmt.Sprint("ü", i%2), fromMillis(int64(i/2)*3_600_000), fmt.Appendf(nil, `{"n":%d}`, i)))
	}
	saved, err := db.SaveAutopilot(ctx, []byte(`{"on":true}`), 0, 0, 0)
	if err := errors.Join(append(errs, err)...); err != nil || !saved {
		t.Fatal(saved, err)
	}
}

// dump is all rows of a table.
func dump(t *testing.T, db *DB, from table) (all []string) {
	t.Helper()
	from.page = 1 << 20
	err := db.read(t.Context(), "dump", func(ctx context.Context, tx *sql.Tx) error {
		rows, err := from.between(ctx, tx, nil, nil)
		for _, r := range rows {
			all = append(all, r.String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantSame checks that all of a copy is as it is in the source.
func wantSame(t *testing.T, from, to *DB) {
	t.Helper()
	for _, table := range append([]table{copiedObjects}, copiedTables...) {
		want, got := dump(t, from, table), dump(t, to, table)
		if !slices.Equal(want, got) {
			t.Errorf("the copy of %s has %d rows, and the source %d, or others:\n%.200q\n%.200q", table.name, len(got), len(want), got, want)
		}
		if len(want) == 0 {
			t.Errorf("there is nothing in %s", table.name)
		}
	}
	for _, search := range []string{"", "11", "🐼", "/109"} {
		want, err := from.List(t.Context(), api.ListQuery{Sort: api.SortKey, Search: search, Limit: 50})
		got, failed := to.List(t.Context(), api.ListQuery{Sort: api.SortKey, Search: search, Limit: 50})
		if err := errors.Join(err, failed); err != nil || got.Total != want.Total || !slices.Equal(got.Objects, want.Objects) {
			t.Errorf("a search for %q finds %d in the copy and %d in the source, %v", search, got.Total, want.Total, err)
		}
	}
	a, errA := from.Settings(t.Context())
	b, errB := to.Settings(t.Context())
	if err := errors.Join(errA, errB); err != nil || a.Capacity != b.Capacity || a.Policy != b.Policy {
		t.Errorf("the settings are %+v and %+v, %v", a, b, err)
	}
}

// onFour runs test on each pair of databases.
func onFour(t *testing.T, test func(t *testing.T, from, to *DB)) {
	configs := map[string]func(testing.TB) Config{"SQLite": sqliteConfig, "MariaDB": mariadbConfig}
	for a, from := range configs {
		for b, to := range configs {
			t.Run(a+" to "+b, func(t *testing.T) {
				copied := mustOpen(t, to(t))
				if err := copied.BeginReceiving(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				test(t, mustOpen(t, from(t)), copied)
			})
		}
	}
}

// TestMirror: a copy of the rows is the same as they are, also after changes on both
// sides.
func TestMirror(t *testing.T) {
	onFour(t, func(t *testing.T, from, to *DB) {
		ctx := t.Context()
		fillAll(t, from)
		seen := 0
		all, left, err := from.Mirror(ctx, to, Mirror{Each: func(n int) { seen += n }})
		if err != nil || left != 0 || all != 2*snapshotPage+99 || seen != 2*snapshotPage+99 {
			t.Fatalf("left out %d of %d, seen %d, %v", left, all, seen, err)
		}
		wantSame(t, from, to)
		random := rand.New(rand.NewPCG(1, 2))
		for _, db := range []*DB{from, to} {
			for range 60 {
				key := fmt.Sprintf("é/%d %%_'\"🐼", random.IntN(1300))
				_, err := db.Put(ctx, storage.Object{Key: key, Blob: "b", Size: 1, Type: "image/png", Modified: time.Now()})
				if err == nil && random.IntN(2) == 0 {
					err = db.Delete(ctx, key)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			err := errors.Join(db.SaveLogin(ctx, login.Login{ID: [32]byte{byte(random.IntN(100))}, Kind: api.LoginSession}),
				db.RecordSample(ctx, "unix:1", api.Sample{Time: 5000, Seconds: 9}), db.KeepAnswer(ctx, [32]byte{byte(random.IntN(9))}, []byte{}, time.Hour))
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err = from.DeleteLogin(ctx, [32]byte{0, 1, 0xff})
		if err := errors.Join(err, from.RenewShareKey(ctx)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second changes nothing
			if _, _, err := from.Mirror(ctx, to, Mirror{}); err != nil {
				t.Fatal(err)
			}
			wantSame(t, from, to)
		}
		if err := to.EndReceiving(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := from.Mirror(ctx, to, Mirror{}); err == nil || !strings.Contains(err.Error(), "ended by another process") {
			t.Errorf("after its end: %v", err)
		}
	})
}

// TestMirrorLeavesOutWhatWasNotMoved, and removes it where it was there before.
func TestMirrorLeavesOutWhatWasNotMoved(t *testing.T) {
	onFour(t, func(t *testing.T, from, to *DB) {
		ctx := t.Context()
		fillAll(t, from)
		moved := func(page []BlobSize) (ids []string) {
			for _, b := range page {
				ids = append(ids, b.ID)
			}
			return ids
		}
		page, err := from.BlobsAfter(ctx, "")
		if err != nil || len(page) != snapshotPage {
			t.Fatal(len(page), err)
		}
		if err := to.AddMovedBlobs(ctx, moved(page)); err != nil {
			t.Fatal(err)
		}
		all, left, err := from.Mirror(ctx, to, Mirror{MovedOnly: true})
		n, errN := to.ObjectTotal(ctx)
		counted, errCounted := to.CountObjects(ctx)
		if err := errors.Join(err, errN, errCounted); err != nil || all != n+left || left != 100 || n != 2*snapshotPage-1 || counted != n {
			t.Errorf("%d rows, by the total %d, and %d of %d left out, %v", counted, n, left, all, err)
		}
		if len(dump(t, to, copiedUploads)) != 0 {
			t.Error("uploads were copied")
		}
	})
}

// TestMirrorIsInterrupted anywhere, and goes on from there.
func TestMirrorIsInterrupted(t *testing.T) {
	onFour(t, func(t *testing.T, from, to *DB) {
		fillAll(t, from)
		for steps := 1; ; steps++ {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			_, _, err := from.Mirror(ctx, to, Mirror{Each: func(int) {
				if n++; n == steps {
					cancel()
				}
			}})
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		wantSame(t, from, to)
	})
}

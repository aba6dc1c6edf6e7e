package sqlindex

import (
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// fill adds n rows, ten in each millisecond, as a bulk upload would.
func fill(t testing.TB, db *DB, n int) {
	t.Helper()
	const rows = 500
	for from := 0; from < n; from += rows {
		var args, keys []any
		for i := from; i < min(from+rows, n); i++ {
			ms := int64(1_700_000_000_000 + i/10)
			keys = append(keys, fmt.Appendf(nil, "holiday/%d/Photo %06d.jpg", i%50, i))
			args = append(args, keys[len(keys)-1], fmt.Sprintf("%064x", i), i, "image/jpeg", ms, ms)
		}
		values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, 1, ''),", len(args)/6), ",")
		err := db.write(t.Context(), bulkTimeout, "fill", func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO objects ("+objectColumns+") VALUES "+values, args...); err != nil {
				return err
			}
			if err := db.addPartsOf(ctx, tx, keys); err != nil {
				return err
			}
			return db.addTotal(ctx, tx, int64(len(keys)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestListUsesIndexes asks SQLite how it would find each part of a page: an
// index must give the rows in order, or the cost grows with the table.
func TestListUsesIndexes(t *testing.T) {
	db := mustOpen(t, sqliteConfig(t))
	fill(t, db, 200)
	for _, sort := range api.Sorts {
		forth := orders[sort]
		last, err := forth.parse(forth.format(storage.Object{Key: "holiday/3", Type: "image/jpeg", Size: 50, Modified: fromMillis(1_700_000_000_100)}))
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range []order{forth, forth.reversed()} {
			for _, part := range append(order.after(nil), order.after(last)...) {
				plan := explain(t, db, keysStatement("", part, order.by()), append(part.args, 100))
				if !strings.Contains(plan, "USING COVERING INDEX") || strings.Contains(plan, "TEMP B-TREE") {
					t.Errorf("%s by %s%s: %s", sort, order.by(), part.where(), plan)
				}
			}
		}
	}
}

func explain(t *testing.T, db *DB, statement string, args []any) string {
	t.Helper()
	rows, err := db.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// TestListOfManyMatches takes the way along the index by time, which a prefix
// with few keys does not.
func TestListOfManyMatches(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		db.manyMatches = 40
		fill(t, db, 500)
		q := api.ListQuery{Prefix: "holiday/", Search: "O 0000", Limit: 30}
		rare := api.ListQuery{Prefix: "holiday/7/", Limit: 3}
		for q.Sort = range orders {
			rare.Sort = q.Sort
			wantWalk(t, db, q, 100, func(i int) bool { return i < 100 })
			wantWalk(t, db, api.ListQuery{Prefix: "holiday/", Sort: q.Sort, Limit: 200}, 500, func(int) bool { return true })
			wantWalk(t, db, rare, 10, func(i int) bool { return i%50 == 7 })
		}
	})
}

// wantWalk checks that the pages of q have exactly the total rows of fill that
// want says, in order, and that each page knows the total.
func wantWalk(t *testing.T, db *DB, q api.ListQuery, total int, want func(i int) bool) {
	t.Helper()
	seen := map[string]bool{}
	var last storage.Object
	for more := true; more; more = q.After != "" {
		page, err := db.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != int64(total) || !page.Exact {
			t.Fatalf("%+v: total %d, exact %t; want %d", q, page.Total, page.Exact, total)
		}
		for _, o := range page.Objects {
			if seen[o.Key] || !want(int(o.Size)) || (last.Key != "" && !inOrder(q.Sort, last, o)) {
				t.Fatalf("%+v: %q is out of place after %q", q, o.Key, last.Key)
			}
			seen[o.Key], last = true, o
		}
		q.After = page.Next
	}
	if len(seen) != total {
		t.Errorf("%+v: %d rows, want %d", q, len(seen), total)
	}
}

// inOrder tells whether b may follow a.
func inOrder(sort string, a, b storage.Object) bool {
	order := orders[sort]
	before := func(desc bool, way int) bool { return way < 0 != desc && way != 0 }
	byKey := before(order.keyDesc, strings.Compare(a.Key, b.Key))
	way := 0
	switch order.column {
	case "modified":
		way = a.Modified.Compare(b.Modified)
	case "size":
		way = cmp.Compare(a.Size, b.Size)
	case "content_type":
		way = strings.Compare(a.Type, b.Type)
	}
	return before(order.desc, way) || way == 0 && byKey
}

// TestFault67_SearchThatNoKeyContains are strings that the databases would take
// for others: cut at the NUL, replaced, or refused.
func TestFault67_SearchThatNoKeyContains(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		fill(t, db, 10)
		for _, search := range []string{"\x00", "Photo\x00", "\xff", "Photo\xc3", "%Photo%", "Phot_", "Photo' OR '1'='1", strings.Repeat("%", 60_000)} {
			page, err := db.List(t.Context(), api.ListQuery{Search: search, Sort: api.SortKey, Limit: 10})
			if err != nil || len(page.Objects) != 0 || page.Total != 0 || !page.Exact {
				t.Errorf("search %.20q: %d rows, total %d, %v; want none", search, len(page.Objects), page.Total, err)
			}
		}
	})
}

func TestListTotalBeyondTheLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		db.countLimit = 100
		fill(t, db, 100)
		for want := int64(100); want <= 101; want++ {
			for _, q := range []api.ListQuery{{}, {Prefix: "holiday/"}, {Search: "holi"}, {Search: "h"}} {
				q.Sort, q.Limit = api.SortNewest, 10
				total, exact := want, true
				if want > 100 && q.Prefix+q.Search != "" {
					total, exact = 100, false
				}
				page, err := db.List(t.Context(), q)
				if err != nil || page.Total != total || page.Exact != exact || len(page.Objects) != 10 {
					t.Errorf("%+v: total %d, exact %t, %d rows, %v; want %d, %t", q, page.Total, page.Exact, len(page.Objects), err, total, exact)
				}
			}
			if _, err := db.Put(t.Context(), storage.Object{Key: "holiday/one more", Blob: "0", Type: "text/plain"}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestTotalAndSearchFollowEveryChange: what is kept beside the rows agrees with
// them, whatever happens to these.
func TestTotalAndSearchFollowEveryChange(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) { testTotalFollows(t, mustOpen(t, c)) })
}

func testTotalFollows(t *testing.T, db *DB) {
	put := func(key string) {
		t.Helper()
		if _, err := db.Put(t.Context(), storage.Object{Key: key, Type: "text/plain"}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(keys ...string) {
		t.Helper()
		for _, q := range []api.ListQuery{{}, {Search: "ABC"}} {
			q.Sort, q.Limit = api.SortKey, 1
			page, err := db.List(t.Context(), q)
			if err != nil || page.Total != int64(len(keys)) || !page.Exact {
				t.Fatalf("%+v: total %d of %q, %v", q, page.Total, keys, err)
			}
		}
	}
	want()
	for range 2 {
		put("1 abc")
		put("2 abc")
		put("2 abc")
		want("1 abc", "2 abc")
		if _, err := db.Copy(t.Context(), "1 abc", "3 abc", time.Now(), false); err != nil {
			t.Fatal(err)
		}
		want("1 abc", "2 abc", "3 abc")
		if _, err := db.Copy(t.Context(), "1 abc", "3 abc", time.Now(), true); err != nil {
			t.Fatal(err)
		}
		want("2 abc", "3 abc")
		if err := db.Delete(t.Context(), "2 abc"); err != nil {
			t.Fatal(err)
		}
		want("3 abc")
		if n, err := db.DeleteAll(t.Context()); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		want()
	}
}

func TestPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{"": "", "a": "b", "a\xff": "b", "\xff": "", "\u00bf": "\xc2\xc0", "a/": "a0"} {
		if got := string(prefixEnd(prefix)); got != want {
			t.Errorf("prefixEnd(%q) = %q, want %q", prefix, got, want)
		}
	}
}

// TestCursor round-trips the extremes of what a row can have.
func TestCursor(t *testing.T) {
	for name, order := range orders {
		for _, n := range []int64{0, -1, 1_700_000_000_123, 1 << 60} {
			o := storage.Object{Key: "\U0001F600/%", Size: n, Modified: fromMillis(n), Type: strings.Repeat("t", int(n&255))}
			want := cursor{key: o.Key}
			if order.value != nil {
				want.value = order.value(o)
			}
			if got, err := order.parse(order.format(o)); err != nil || *got != want {
				t.Errorf("%s: %d: got %+v, %v", name, n, got, err)
			}
		}
	}
}

// FuzzCursor: what people make up is refused, or is the marker of a row.
func FuzzCursor(f *testing.F) {
	for _, name := range api.Sorts {
		f.Add(name, orders[name].format(storage.Object{Key: "k", Size: 1, Type: "text/plain", Modified: fromMillis(1)}))
	}
	f.Fuzz(func(t *testing.T, name, s string) {
		order, ok := orders[name]
		if !ok {
			return
		}
		c, err := order.parse(s)
		if err != nil {
			if api.AsError(err).Code != api.Invalid || len(err.Error()) > 1000 {
				t.Errorf("the cursor %q is refused with %v", s, err)
			}
			return
		}
		if c == nil {
			return
		}
		row := storage.Object{Key: c.key}
		switch v := c.value.(type) {
		case int64:
			row.Size, row.Modified = v, fromMillis(v)
		case string:
			row.Type = v
		}
		if again := order.format(row); again != s {
			t.Errorf("the cursor %q means %+v, whose cursor is %q", s, c, again)
		}
	})
}

var listSizes = flag.String("list-sizes", "10000", "the `numbers` of keys that BenchmarkList lists, separated by commas")

// BenchmarkList is driven by ../../bench/list.sh.
func BenchmarkList(b *testing.B) {
	for size := range strings.SplitSeq(*listSizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		for _, kind := range []struct {
			name   string
			config func(testing.TB) Config
		}{{"SQLite", sqliteConfig}, {"MariaDB", mariadbConfig}} {
			b.Run(kind.name+"/"+size, func(b *testing.B) {
				db := mustOpen(b, kind.config(b))
				fill(b, db, n)
				benchmarkPages(b, db, n)
			})
		}
	}
}

func benchmarkPages(b *testing.B, db *DB, n int) {
	last := storage.Object{
		Key: fmt.Sprintf("holiday/25/Photo %06d.jpg", n/2), Size: int64(n / 2), Type: "image/jpeg",
		Modified: fromMillis(1_700_000_000_000 + int64(n)/20),
	}
	for _, q := range []struct {
		name string
		api.ListQuery
	}{
		{"first page", api.ListQuery{Sort: api.SortNewest}},
		{"first page by key", api.ListQuery{Sort: api.SortKey}},
		{"middle page", api.ListQuery{Sort: api.SortNewest, After: orders[api.SortNewest].format(last)}},
		{"middle page by size", api.ListQuery{Sort: api.SortLargest, After: orders[api.SortLargest].format(last)}},
		{"search that matches all", api.ListQuery{Sort: api.SortNewest, Search: "photo"}},
		{"search that matches ten", api.ListQuery{Sort: api.SortNewest, Search: "PHOTO 00999"}},
		{"search that matches none", api.ListQuery{Sort: api.SortNewest, Search: "absent"}},
		{"search of two letters, none", api.ListQuery{Sort: api.SortNewest, Search: "qz"}},
	} {
		q.Limit = api.DefaultListLimit
		b.Run(strings.ReplaceAll(q.name, " ", "_"), func(b *testing.B) { benchmarkList(b, db, q.ListQuery) })
	}
}

// benchmarkList reports the quickest call too, which a busy machine does not blur.
func benchmarkList(b *testing.B, db *DB, q api.ListQuery) {
	best := time.Hour
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // a busy machine may be past the deadline of requests
	defer cancel()
	for b.Loop() {
		start := time.Now()
		if _, err := db.List(ctx, q); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(best.Seconds()*1000, "best-ms/op")
}

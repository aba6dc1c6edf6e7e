package sqlindex

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// TestSearchByParts holds every search against what the keys really contain, with
// the parts alone and with what is too common for them.
func TestSearchByParts(t *testing.T) {
	keys := []string{
		"a", "ab", "zq", "b/ab", "ÄPFEL", "äpfel", "Straße 7", "\U0001F600", "x\U0001F600y", strings.Repeat("aa", 512),
		strings.Repeat("A", 1023) + "Q", "holiday/1/Photo 000001.jpg", "holiday/2/photo 000012.jpg", "%", "_", `\`, "'",
	}
	searches := []string{
		"a", "A", "b", "ab", "aB", "q", "zq", "qz", "/", "ä", "Ä", "ß", "ße", "\U0001F600", "\U0001F600y", "y", "%", "_", `\`, "'", "1", "01",
		"photo 00", "PHOTO 000001", "000012.jpg", "absent", "holiday/2/PHOTO 000012.JPG", strings.Repeat("a", 64), strings.Repeat("a", 63) + "q",
	}
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		for _, key := range keys {
			if _, err := db.Put(t.Context(), storage.Object{Key: key, Type: "text/plain"}); err != nil {
				t.Fatal(err)
			}
		}
		for _, db.manyMatches = range []int64{2000, 2, 0} {
			for _, search := range searches {
				for _, prefix := range []string{"", "holiday/"} {
					wantFound(t, db, keys, prefix, search)
				}
			}
		}
	})
}

func wantFound(t *testing.T, db *DB, keys []string, prefix, search string) {
	t.Helper()
	var want, got []string
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) && strings.Contains(lowerASCII(key), lowerASCII(search)) {
			want = append(want, key)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a busy machine may be past the deadline of requests
	defer cancel()
	page, err := db.List(ctx, api.ListQuery{Prefix: prefix, Search: search, Sort: api.SortKey, Limit: 100})
	for _, o := range page.Objects {
		got = append(got, o.Key)
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) || page.Total != int64(len(want)) || !page.Exact {
		t.Errorf("search %.40q, prefix %q: %.80q of %d, exact %t, %v; want %.80q", search, prefix, got, page.Total, page.Exact, err, want)
	}
}

// TestPartsFollowTheirKeys: nothing is left of keys that are gone, in MySQL after
// a walk through the parts.
func TestPartsFollowTheirKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		fill(t, db, 600)
		before := countParts(t, db)
		if _, err := db.Put(t.Context(), storage.Object{Key: strings.Repeat("uvw ", 250), Type: "text/plain"}); err != nil {
			t.Fatal(err)
		}
		if countParts(t, db) == before {
			t.Error("a new key has no parts")
		}
		if _, err := db.Copy(t.Context(), strings.Repeat("uvw ", 250), "Xyz", time.Now(), true); err != nil {
			t.Fatal(err)
		}
		if err := db.Discard(t.Context(), "Xyz", time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Restore(t.Context(), "Xyz", time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		wantFound(t, db, []string{"Xyz"}, "", "xyz")
		if err := db.Delete(t.Context(), "Xyz"); err != nil {
			t.Fatal(err)
		}
		if n := countParts(t, db); n != before {
			t.Errorf("there are %d parts, %d before a key came and went", n, before)
		}
		if _, err := db.DeleteAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		fill(t, db, 20)
		for _, db.manyMatches = range []int64{2000, 0} {
			wantWalk(t, db, api.ListQuery{Search: "photo", Sort: api.SortKey, Limit: 7}, 20, func(int) bool { return true })
		}
		for step := 0; step == 0 || db.walked.part != ""; step++ {
			if err := db.pruneParts(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		left := countParts(t, db)
		fresh := mustOpen(t, c.another(t))
		fill(t, fresh, 20)
		if want := countParts(t, fresh); left != want {
			t.Errorf("%d parts are left, those of the keys that are there are %d", left, want)
		}
		wantWalk(t, db, api.ListQuery{Search: "photo 00001", Sort: api.SortKey, Limit: 3}, 10, func(i int) bool { return i >= 10 })
	})
}

func countParts(t *testing.T, db *DB) (n int64) {
	t.Helper()
	if err := db.reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM key_parts").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// another is of another new database of the same kind.
func (c Config) another(t *testing.T) Config {
	if c.SQLitePath != "" {
		return sqliteConfig(t)
	}
	return mariadbConfig(t)
}

// TestPartsOfOlderKeys: the keys that were there before the parts get them.
func TestPartsOfOlderKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		keys := []string{"ÄPFEL und BIRNEN", "abc", strings.Repeat("aB", 512), "Z"}
		for _, key := range keys {
			if _, err := db.Put(t.Context(), storage.Object{Key: key, Type: "text/plain"}); err != nil {
				t.Fatal(err)
			}
		}
		want := countParts(t, db)
		again := []string{"DROP TABLE key_parts", fmt.Sprintf("DELETE FROM %s WHERE version_id >= 8", versionTable)}
		if db.dialect.triggers {
			again = append(again, "DROP TRIGGER objects_inserted_parts", "DROP TRIGGER objects_deleted_parts", "DROP TABLE numbers",
				"ALTER TABLE answers DROP COLUMN claim", "ALTER TABLE logins DROP COLUMN data", "DROP TABLE marks", "DROP TABLE uploads", "DROP TABLE moved_blobs") // of the migrations that came after it
			for _, column := range []string{"nodes", "frozen", "only_store", "moving"} {
				again = append(again, "ALTER TABLE settings DROP COLUMN "+column)
			}
			for _, column := range []string{"capacity", "reads_seconds", "memory_bytes", "disk_bytes", "hit_times", "miss_times"} {
				again = append(again, "ALTER TABLE samples DROP COLUMN "+column)
			}
		}
		damage(t, c, again...)
		db = mustOpen(t, c)
		if n := countParts(t, db); n != want {
			t.Errorf("there are %d parts, want %d", n, want)
		}
		for _, search := range []string{"äpfel", "und birnen", "bc", "ba", "z", "q"} {
			wantFound(t, db, keys, "", search)
		}
	})
}

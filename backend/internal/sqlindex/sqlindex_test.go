package sqlindex

import (
	"log/slog"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sqliteConfig and mariadbConfig are of a database that does not exist yet.
func sqliteConfig(t testing.TB) Config {
	return Config{SQLitePath: filepath.Join(t.TempDir(), "memcache.db"), Capacity: 64 << 20, Policy: "lru", Log: slog.New(slog.DiscardHandler)}
}

func mariadbConfig(t testing.TB) Config {
	return Config{DSN: mariadbtest.Start(t), Capacity: 64 << 20, Policy: "lru", Log: slog.New(slog.DiscardHandler)}
}

// onBoth runs test on each kind of database.
func onBoth(t *testing.T, test func(t *testing.T, c Config)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteConfig(t)) })
	t.Run("MariaDB", func(t *testing.T) { test(t, mariadbConfig(t)) })
}

func mustOpen(t testing.TB, c Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestIndex(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		storagetest.Index(t, func(t *testing.T) storage.Index { return mustOpen(t, sqliteConfig(t)) })
	})
	t.Run("MariaDB", func(t *testing.T) {
		storagetest.Index(t, func(t *testing.T) storage.Index { return mustOpen(t, mariadbConfig(t)) })
	})
}

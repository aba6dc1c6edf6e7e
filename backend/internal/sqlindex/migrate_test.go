package sqlindex

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"memcache/backend/internal/storage"
)

// damage opens the database of c, runs statements in it and closes it.
func damage(t *testing.T, c Config, statements ...string) {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.writer.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFault66_NewerSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		damage(t, c, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
		db, err := Open(t.Context(), c)
		if err == nil {
			db.Close()
			t.Fatal("a newer database was opened")
		}
		if !strings.Contains(err.Error(), "999") || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("%v", err)
		}
	})
}

// TestFault66_MigrationKilled brings about what a start that was killed leaves
// behind in MySQL, where each CREATE TABLE is final; SQLite rolls all back.
func TestFault66_MigrationKilled(t *testing.T) {
	for name, statements := range map[string][]string{
		"database only":   {"DROP TABLE objects, settings, samples, goose_db_version"},
		"version table":   {"DROP TABLE objects, settings, samples", "DELETE FROM goose_db_version"},
		"version zero":    {"DROP TABLE objects, settings, samples", "DELETE FROM goose_db_version WHERE version_id > 0"},
		"first table":     {"DROP TABLE settings, samples", "DELETE FROM goose_db_version WHERE version_id > 0"},
		"all tables":      {"DELETE FROM settings", "DELETE FROM goose_db_version WHERE version_id > 0"},
		"settings absent": {"DELETE FROM settings"},
	} {
		t.Run(name, func(t *testing.T) {
			c := mariadbConfig(t)
			damage(t, c, statements...)
			db := mustOpen(t, c)
			if _, err := db.Put(t.Context(), storage.Object{Key: "k", Type: "text/plain"}); err != nil {
				t.Error(err)
			}
			if s, err := db.Settings(t.Context()); err != nil || s.Capacity != c.Capacity || s.Policy != c.Policy {
				t.Errorf("Settings = %+v, %v", s, err)
			}
		})
	}
}

func TestMigrationCancelled(t *testing.T) {
	c := mariadbConfig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if db, err := Open(ctx, c); err == nil {
		db.Close()
		t.Fatal("opened with a cancelled context")
	}
	mustOpen(t, c)
}

// TestEveryMigrationInBothFolders holds the two dialects at the same version.
func TestEveryMigrationInBothFolders(t *testing.T) {
	lists := make([]string, 2)
	for i, d := range []dialect{sqliteDialect, mysqlDialect} {
		names, err := fs.Glob(migrations, d.migrations+"/*.sql")
		if err != nil || len(names) == 0 {
			t.Fatal(errors.Join(err, errors.New(d.migrations)))
		}
		lists[i] = strings.ReplaceAll(strings.Join(names, " "), d.migrations+"/", "")
	}
	if lists[0] != lists[1] {
		t.Errorf("SQLite has %s, MySQL %s", lists[0], lists[1])
	}
}

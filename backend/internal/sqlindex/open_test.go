package sqlindex

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func TestOpenNeedsOneDatabase(t *testing.T) {
	good := sqliteConfig(t)
	for name, change := range map[string]func(*Config){
		"none":        func(c *Config) { c.SQLitePath = "" },
		"two":         func(c *Config) { c.DSN = "mysql://u:p@h/name" },
		"no log":      func(c *Config) { c.Log = nil },
		"capacity":    func(c *Config) { c.Capacity = 0 },
		"policy":      func(c *Config) { c.Policy = "" },
		"long policy": func(c *Config) { c.Policy = strings.Repeat("x", 65) },
	} {
		c := good
		change(&c)
		if db, err := Open(t.Context(), c); err == nil {
			t.Errorf("%s: opened", name)
			db.Close()
		}
	}
}

func TestOpenAgainKeepsEverything(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		first, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		put, err := first.Put(t.Context(), storage.Object{Key: "k", Blob: "b", Type: "text/plain", Modified: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if err := first.SaveSettings(t.Context(), 5<<20, "random"); err != nil {
			t.Fatal(err)
		}
		before, err := first.Settings(t.Context())
		if err := errors.Join(err, first.Close()); err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, c)
		if got, err := again.Get(t.Context(), "k"); err != nil || got != put {
			t.Errorf("Get = %+v, %v; want %+v", got, err, put)
		}
		if after, err := again.Settings(t.Context()); err != nil || after != before {
			t.Errorf("Settings = %+v, %v; want %+v", after, err, before)
		}
	})
}

// TestOpenTogether lets several backends make the tables of one MySQL database
// at once.
func TestOpenTogether(t *testing.T) {
	c := mariadbConfig(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			db, err := Open(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Ping(t.Context()), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestSQLitePaths(t *testing.T) {
	for _, name := range []string{"a b.db", "100%.db", "what?.db", "no#1.db", "ä%20.db", "a&b=c;d.db"} {
		c := sqliteConfig(t)
		c.SQLitePath = filepath.Join(filepath.Dir(c.SQLitePath), name)
		mustOpen(t, c)
		for _, file := range []string{c.SQLitePath, c.SQLitePath + "-wal"} {
			info, err := os.Stat(file)
			if err != nil {
				t.Error(err)
			} else if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has the mode %v, want 0600", file, info.Mode())
			}
		}
	}
}

func TestSQLiteFolderMissing(t *testing.T) {
	c := sqliteConfig(t)
	c.SQLitePath = filepath.Join(filepath.Dir(c.SQLitePath), "absent", "m.db")
	if _, err := Open(t.Context(), c); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "absent") {
		t.Errorf("Open = %v; want fs.ErrNotExist with the path", err)
	}
}

func TestSQLiteIsDurable(t *testing.T) {
	db := mustOpen(t, sqliteConfig(t))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := db.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", pragma, got, err, want)
		}
	}
	if _, err := db.reader.ExecContext(t.Context(), "DELETE FROM settings"); err == nil {
		t.Error("a connection for reads can write")
	}
}

func TestFault59_MySQLDownAtStart(t *testing.T) {
	dsn, stop := mariadbtest.StartTCP(t)
	stop()
	var log bytes.Buffer
	c := Config{DSN: dsn, Capacity: 1 << 20, Policy: "lru", Log: slog.New(slog.NewTextHandler(&log, nil))}
	start := time.Now()
	_, err := Open(t.Context(), c)
	if err == nil || api.AsError(err).Code != api.Unavailable {
		t.Fatalf("Open = %v; want unavailable", err)
	}
	if took := time.Since(start); took > 2*dialTimeout {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(err.Error(), "127.0.0.1:") {
		t.Errorf("%v: does not say which server", err)
	}
	wantNoPassword(t, c, err.Error()+log.String())
}

func TestMySQLRefusesThePassword(t *testing.T) {
	var log bytes.Buffer
	c := mariadbConfig(t)
	c.DSN = strings.Replace(c.DSN, ":p%40ss", ":p%40sswrong", 1)
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	_, err := Open(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "Access denied") || api.AsError(err).Code == api.Unavailable {
		t.Fatalf("Open = %v; want a refusal that is not worth trying again", err)
	}
	wantNoPassword(t, c, err.Error()+log.String())
}

func TestMySQLOverTCP(t *testing.T) {
	dsn, stop := mariadbtest.StartTCP(t)
	c := mariadbConfig(t)
	c.DSN = dsn
	db := mustOpen(t, c)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	_, getErr := db.Get(t.Context(), "k")
	_, putErr := db.Put(t.Context(), storage.Object{Key: "k", Type: "text/plain"})
	for name, err := range map[string]error{"Ping": db.Ping(t.Context()), "Get": getErr, "Put": putErr} {
		if err == nil || api.AsError(err).Code != api.Unavailable {
			t.Errorf("%s with the server gone: %v; want unavailable", name, err)
		} else {
			wantNoPassword(t, c, err.Error()+errors.Unwrap(err).Error())
		}
	}
}

func wantNoPassword(t *testing.T, c Config, text string) {
	t.Helper()
	parsed, err := parseDSN(c.DSN)
	if err != nil || parsed.Passwd == "" {
		t.Fatalf("the test has no password to look for: %v", err)
	}
	if strings.Contains(text, parsed.Passwd) || strings.Contains(text, c.DSN) {
		t.Errorf("the password is in %q", text)
	}
}

// TestFault65_DamagedSQLiteFile: it is refused, and stays as it is.
func TestFault65_DamagedSQLiteFile(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"no database":     func(b []byte) []byte { return []byte(strings.Repeat("no database ", 1000)) },
		"cut short":       func(b []byte) []byte { return b[:len(b)/2] },
		"half the header": func(b []byte) []byte { return b[:50] },
		"a page of zeros": func(b []byte) []byte { clear(b[2*4096 : 3*4096]); return b },
		"pages of noise": func(b []byte) []byte {
			for i := 4096; i < len(b); i++ {
				b[i] ^= byte(i * 31)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := sqliteConfig(t)
			db, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			fill(t, db, 500)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(c.SQLitePath)
			if err != nil {
				t.Fatal(err)
			}
			broken := damage(whole)
			if err := os.WriteFile(c.SQLitePath, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err = Open(t.Context(), c)
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			for _, part := range []string{c.SQLitePath, "damaged", "memcache-backend restore"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q lacks %q", err, part)
				}
			}
			if after, err := os.ReadFile(c.SQLitePath); err != nil || !bytes.Equal(after, broken) {
				t.Errorf("the file was changed: %d bytes, %v", len(after), err)
			}
		})
	}
}

// TestFault64_SQLiteLocked lets another process's transaction, here another
// pool's, hold the file: a write waits for it and no longer than its deadline.
func TestFault64_SQLiteLocked(t *testing.T) {
	c := sqliteConfig(t)
	db, other := mustOpen(t, c), mustOpen(t, c)
	o := storage.Object{Key: "k", Blob: "b", Type: "text/plain"}
	tx, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := db.Put(short, o); api.AsError(err).Code != api.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put past its deadline = %v; want unavailable", err)
	}
	if _, err := db.Get(t.Context(), "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get meanwhile = %v", err)
	}
	put := make(chan error, 1)
	go func() {
		_, err := db.Put(t.Context(), o)
		put <- err
	}()
	select {
	case err := <-put:
		t.Errorf("Put did not wait: %v", err)
	case <-time.After(3 * time.Second):
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-put; err != nil {
		t.Errorf("Put after the lock: %v", err)
	}
}

package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// TestDeadlockIsTriedAgain makes two transactions lock two rows crosswise. One
// of them has to be rolled back, and yet both happen.
func TestDeadlockIsTriedAgain(t *testing.T) {
	db := mustOpen(t, mariadbConfig(t))
	for _, key := range []string{"a", "b"} {
		if _, err := db.Put(t.Context(), storage.Object{Key: key, Type: "text/plain"}); err != nil {
			t.Fatal(err)
		}
	}
	var attempts atomic.Int32
	var met, all sync.WaitGroup
	met.Add(2)
	for _, keys := range [][2]string{{"a", "b"}, {"b", "a"}} {
		first := sync.OnceFunc(func() { met.Done(); met.Wait() })
		all.Go(func() {
			err := db.write(t.Context(), defaultTimeout, "add", func(ctx context.Context, tx *sql.Tx) error {
				attempts.Add(1)
				if err := addOne(ctx, tx, keys[0]); err != nil {
					return err
				}
				first()
				return addOne(ctx, tx, keys[1])
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, key := range []string{"a", "b"} {
		if o, err := db.Get(t.Context(), key); err != nil || o.Size != 2 {
			t.Errorf("%s: size %d, %v; want 2", key, o.Size, err)
		}
	}
	if attempts.Load() < 3 {
		t.Error("there was no deadlock")
	}
}

func addOne(ctx context.Context, tx *sql.Tx, key string) error {
	_, err := tx.ExecContext(ctx, "UPDATE objects SET size = size + 1 WHERE object_key = ?", []byte(key))
	return err
}

func TestRetryConflictsGivesUp(t *testing.T) {
	deadlock := fmt.Errorf("put: %w", &mysql.MySQLError{Number: mysqlDeadlock})
	n := 0
	err := retryConflicts(t.Context(), func() error { n++; return deadlock })
	if !errors.Is(err, deadlock) || n != maxAttempts {
		t.Errorf("%d attempts, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n = 0
	err = retryConflicts(ctx, func() error { n++; return deadlock })
	if !errors.Is(err, deadlock) || n != 1 {
		t.Errorf("cancelled: %d attempts, %v", n, err)
	}
}

func TestFailCodes(t *testing.T) {
	db := Config{}.newDB("MySQL name at host", mysqlDialect, nil, nil, nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want api.Code
	}{
		{t.Context(), &mysql.MySQLError{Number: mysqlTableFull}, api.Full},
		{t.Context(), &mysql.MySQLError{Number: mysqlDeadlock}, api.Unavailable},
		{t.Context(), &mysql.MySQLError{Number: mysqlShuttingDown}, api.Unavailable},
		{t.Context(), mysql.ErrInvalidConn, api.Unavailable},
		{t.Context(), fmt.Errorf("read: %w", io.ErrUnexpectedEOF), api.Unavailable},
		{t.Context(), context.DeadlineExceeded, api.Unavailable},
		{t.Context(), &mysql.MySQLError{Number: 1146}, api.Internal},
		{t.Context(), api.Errorf(api.Invalid, "no"), api.Invalid},
		{cancelled, context.Canceled, api.Internal},
	} {
		err := db.fail(test.ctx, "put", test.err)
		if got := api.AsError(err).Code; got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%v became %v (%s), want %s", test.err, err, got, test.want)
		}
	}
	if err := db.fail(t.Context(), "put", nil); err != nil {
		t.Errorf("nil became %v", err)
	}
}

// TestAMissingSocketIsNoMissingRow: while the server is down, the file of its socket
// may be gone, which is no answer about objects.
func TestAMissingSocketIsNoMissingRow(t *testing.T) {
	c := mysql.NewConfig()
	c.Net, c.Addr = "unix", filepath.Join(t.TempDir(), "gone.sock")
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	ready := new(atomic.Bool)
	ready.Store(true)
	pool := sql.OpenDB(mysqlConnector{connector, ready, new(primary)})
	defer pool.Close()
	db := Config{}.newDB("MySQL name at host", mysqlDialect, pool, pool, pool)
	_, got := db.Get(t.Context(), "key")
	_, put := db.Put(t.Context(), storage.Object{Key: "key"})
	for what, err := range map[string]error{"get": got, "put": put} {
		if api.AsError(err).Code != api.Unavailable || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v (%s), want %s", what, err, api.AsError(err).Code, api.Unavailable)
		}
	}
}

// TestFault63_SlowStatement ends statements of 30 s at their deadline, more of
// them than the pool has connections.
func TestFault63_SlowStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		slow := "SELECT SLEEP(30)"
		if c.DSN == "" {
			slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
		}
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				err := db.read(ctx, "sleep", func(ctx context.Context, tx *sql.Tx) error {
					var n int64
					return tx.QueryRowContext(ctx, slow).Scan(&n)
				})
				if api.AsError(err).Code != api.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v; want unavailable for the deadline", err)
				}
			})
		}
		all.Wait()
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

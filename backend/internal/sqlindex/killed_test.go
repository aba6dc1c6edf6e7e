package sqlindex

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"modernc.org/sqlite"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// The environment of a child, which opens a database and is killed meanwhile.
const (
	childDatabase  = "SQLINDEX_CHILD_DATABASE"  // a DSN, or the path of a SQLite file
	childStatement = "SQLINDEX_CHILD_STATEMENT" // before which statement in SQLite it kills itself
)

var killedAtAll = flag.Bool("killed.all", false, "kill a process that opens a database before each statement, not before every third")

// TestFault66_KilledAtEachStatement kills a process that opens a new database,
// before its statements in turn: the next start completes what it began. Without
// -killed.all, it does so before every third, from the first, the second or the
// third on.
func TestFault66_KilledAtEachStatement(t *testing.T) {
	if database := os.Getenv(childDatabase); database != "" {
		openAsChild(t, database)
		return
	}
	for name, openKilled := range map[string]func(*testing.T, int) (Config, bool){"SQLite": sqliteKilled, "MariaDB": mariadbKilled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, step := 1, 1
			if !*killedAtAll {
				n, step = 1+rand.IntN(3), 3
			}
			for killed := true; killed; n += step {
				var c Config
				if c, killed = openKilled(t, n); killed {
					wantWorks(t, c, n)
				}
			}
			if n < 20 {
				t.Errorf("only %d statements were met", n)
			}
		})
	}
}

// wantWorks opens the database that was left at statement n, and uses it.
func wantWorks(t *testing.T, c Config, n int) {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatalf("killed before statement %d: %v", n, err)
	}
	_, putErr := db.Put(t.Context(), storage.Object{Key: "k", Blob: "b", Type: "text/plain"})
	page, listErr := db.List(t.Context(), api.ListQuery{Search: "k", Sort: api.SortLargest, Limit: 1})
	settings, settingsErr := db.Settings(t.Context())
	if err := errors.Join(putErr, listErr, settingsErr, db.Close()); err != nil || len(page.Objects) != 1 || page.Total != 1 || settings.Policy != c.Policy {
		t.Fatalf("killed before statement %d: %+v, %+v, %v", n, page, settings, err)
	}
}

// sqliteKilled makes a database until before statement n; false when it has fewer.
func sqliteKilled(t *testing.T, n int) (Config, bool) {
	c := sqliteConfig(t)
	child := startChild(t, c.SQLitePath, n)
	return c, wasKilled(t, child)
}

// mariadbKilled does so too; the statements are counted on their way.
func mariadbKilled(t *testing.T, n int) (Config, bool) {
	c := mariadbConfig(t)
	dsn, link := mariadbtest.StartLink(t)
	c.DSN = dsn
	var child atomic.Pointer[exec.Cmd]
	var statements atomic.Int64
	started := make(chan struct{})
	link.OnStatement(func() {
		<-started
		if statements.Add(1) == int64(n) {
			_ = child.Load().Process.Kill() // if it has ended, it was not killed
		}
	})
	child.Store(startChild(t, dsn, 0))
	close(started)
	killed := wasKilled(t, child.Load())
	statements.Store(1 << 40) // those of this process do not count
	return c, killed
}

func startChild(t *testing.T, database string, n int) *exec.Cmd {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestFault66_KilledAtEachStatement$")
	child.Env = append(os.Environ(), childDatabase+"="+database, childStatement+"="+strconv.Itoa(n))
	child.Stdout, child.Stderr = t.Output(), t.Output()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child
}

// wasKilled waits for the child and tells whether it was killed, rather than done.
func wasKilled(t *testing.T, child *exec.Cmd) bool {
	t.Helper()
	err := child.Wait()
	if err == nil {
		return false
	}
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v", err)
	}
	return true
}

func openAsChild(t *testing.T, database string) {
	n, err := strconv.Atoi(os.Getenv(childStatement))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{SQLitePath: database, Capacity: 64 << 20, Policy: "lru", Log: slog.New(slog.DiscardHandler)}
	if strings.HasPrefix(database, "mysql:") {
		c.SQLitePath, c.DSN = "", database
	} else {
		c.sqliteDriver = "sqlite, killed"
		sql.Register(c.sqliteDriver, &killer{before: int64(n)})
	}
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// killer is the driver of SQLite, but kills the process before a statement.
type killer struct {
	real   sqlite.Driver
	before int64
	n      atomic.Int64
}

func (k *killer) statement() {
	if k.n.Add(1) == k.before {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it cannot fail, nor return
		select {}
	}
}

func (k *killer) Open(name string) (driver.Conn, error) {
	conn, err := k.real.Open(name)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(sqliteConn)
	if !ok {
		return nil, fmt.Errorf("%T lacks methods", conn)
	}
	return killerConn{whole, k}, nil
}

// sqliteConn is what the connections of SQLite's driver can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
}

type killerConn struct {
	sqliteConn
	k *killer
}

func (c killerConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.k.statement()
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c killerConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.k.statement()
	return c.sqliteConn.QueryContext(ctx, query, args)
}

func (c killerConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.sqliteConn.BeginTx(ctx, opts)
	return killerTx{tx, c.k}, err
}

type killerTx struct {
	driver.Tx
	k *killer
}

func (tx killerTx) Commit() error {
	tx.k.statement()
	return tx.Tx.Commit()
}

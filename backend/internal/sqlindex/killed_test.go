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
	"path/filepath"
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

// The environment of a child, which opens a database and is killed meanwhile, or
// uses what the one before it has left.
const (
	childDatabase  = "SQLINDEX_CHILD_DATABASE"  // a DSN, or the path of a SQLite file
	childStatement = "SQLINDEX_CHILD_STATEMENT" // before which statement in SQLite it kills itself; 0: it uses the database
)

// childProgram is this test without the race detector, under which SQLite is ten
// times as slow, and does nothing at once here. What it is built of was compiled
// for the backend.
func childProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "child")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the child: %v\n%s", err, out)
	}
	return program
}

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
	program := childProgram(t)
	for name, openKilled := range map[string]func(*testing.T, string, int) (string, bool){"SQLite": sqliteKilled, "MariaDB": mariadbKilled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, step := 1, 1
			if !*killedAtAll {
				n, step = 1+rand.IntN(3), 3
			}
			for killed := true; killed; n += step {
				var database string
				if database, killed = openKilled(t, program, n); killed && wasKilled(t, startChild(t, program, database, 0)) {
					t.Fatalf("killed before statement %d: who uses it then is killed, too", n)
				}
			}
			if n < 20 {
				t.Errorf("only %d statements were met", n)
			}
		})
	}
}

// use opens a database and uses it.
func use(ctx context.Context, c Config) error {
	db, err := Open(ctx, c)
	if err != nil {
		return err
	}
	_, putErr := db.Put(ctx, storage.Object{Key: "k", Blob: "b", Type: "text/plain"})
	page, listErr := db.List(ctx, api.ListQuery{Search: "k", Sort: api.SortLargest, Limit: 1})
	settings, settingsErr := db.Settings(ctx)
	err = errors.Join(putErr, listErr, settingsErr, db.Close())
	if err == nil && (len(page.Objects) != 1 || page.Total != 1 || settings.Policy != c.Policy) {
		err = fmt.Errorf("it has %+v, %+v", page, settings)
	}
	return err
}

// sqliteKilled makes a database until before statement n; false when it has fewer.
func sqliteKilled(t *testing.T, program string, n int) (database string, killed bool) {
	database = sqliteConfig(t).SQLitePath
	return database, wasKilled(t, startChild(t, program, database, n))
}

// mariadbKilled does so too; the statements are counted on their way.
func mariadbKilled(t *testing.T, program string, n int) (database string, killed bool) {
	database, link := mariadbtest.StartLink(t)
	var child atomic.Pointer[exec.Cmd]
	var statements atomic.Int64
	started := make(chan struct{})
	link.OnStatement(func() {
		<-started
		if statements.Add(1) == int64(n) {
			_ = child.Load().Process.Kill() // if it has ended, it was not killed
		}
	})
	child.Store(startChild(t, program, database, 1)) // which counts for SQLite alone
	close(started)
	killed = wasKilled(t, child.Load())
	statements.Store(1 << 40) // those of the next child do not count
	return database, killed
}

func startChild(t *testing.T, program, database string, n int) *exec.Cmd {
	t.Helper()
	child := exec.Command(program, "-test.run=^TestFault66_KilledAtEachStatement$")
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
	} else if n > 0 {
		c.sqliteDriver = "sqlite, killed"
		sql.Register(c.sqliteDriver, &killer{before: int64(n)})
	}
	if n == 0 {
		if err := use(t.Context(), c); err != nil {
			t.Fatalf("the database that was left: %v", err)
		}
		return
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

package sqlindex

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// healsWithin is how long after a failover writes may be refused.
const healsWithin = 10 * time.Second

// untilWritten writes key until it is acknowledged, and tells how long that took.
func untilWritten(t *testing.T, db *DB, key string) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := db.Put(ctx, storage.Object{Key: key, Type: "text/plain"})
		cancel()
		took := time.Since(began)
		if err == nil {
			return took
		}
		if took > healsWithin {
			t.Fatalf("no write within %v: %v", healsWithin, err)
		}
	}
}

// twoServers returns a database at the first of two servers, and the link to it. The
// other has a row that the first has not.
func twoServers(t *testing.T) (old, next *mariadbtest.Server, link *mariadbtest.Link, db *DB) {
	t.Helper()
	old, next = mariadbtest.Own(t), mariadbtest.Own(t)
	old.Start()
	next.Start()
	dsn, link := old.Link()
	c := mariadbConfig(t)
	c.DSN = dsn
	link.Point(next)
	mustPut(t, mustOpen(t, c), "only at the next", "1")
	link.Point(old)
	return old, next, link, mustOpen(t, c)
}

// A primary that is demoted stays reachable, and the name leads to another by then:
// writes go there, and reads no longer come from the old one.
func TestFailover(t *testing.T) {
	old, next, link, db := twoServers(t)
	var told atomic.Int32
	db.OnFailover(func() { told.Add(1) })
	// Many connections, idle afterwards.
	readAll(t, db)

	old.ReadOnly(true)
	link.Point(next)
	took := untilWritten(t, db, "k")
	t.Logf("written after %v", took)
	for range 2 * DefaultConnections {
		if _, err := db.Get(t.Context(), "only at the next"); err != nil {
			t.Fatalf("a read from a server that is the primary no more: %v", err)
		}
	}
	if told.Load() != 1 {
		t.Errorf("told of %d failovers, want 1", told.Load())
	}
}

// mustPut writes an object.
func mustPut(t *testing.T, db *DB, key, blob string) {
	t.Helper()
	if _, err := db.Put(t.Context(), storage.Object{Key: key, Blob: blob, Type: "text/plain"}); err != nil {
		t.Fatal(err)
	}
}

// readAll has all connections of the pool in use at once.
func readAll(t *testing.T, db *DB) {
	t.Helper()
	for range DefaultConnections {
		conn, err := db.reader.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
}

// A server that is read-only for a while refuses writes and answers reads; it is well
// as soon as it takes writes again.
func TestReadOnlyForAWhile(t *testing.T) {
	server := mariadbtest.Own(t)
	server.Start()
	c := mariadbConfig(t)
	c.DSN = server.DSN()
	db := mustOpen(t, c)
	mustPut(t, db, "before", "1")
	server.ReadOnly(true)
	_, err := db.Put(t.Context(), storage.Object{Key: "k", Type: "text/plain"})
	if api.AsError(err).Code != api.Unavailable {
		t.Errorf("Put to a server that is read-only: %v, want an unavailable error", err)
	}
	if _, err := db.Get(t.Context(), "before"); err != nil {
		t.Errorf("Get from a server that is read-only: %v", err)
	}
	server.ReadOnly(false)
	if took := untilWritten(t, db, "k"); took > time.Second {
		t.Errorf("the write took %v", took)
	}
}

// A primary that dies takes its connections with it, and the name leads to another.
func TestFailoverByDeath(t *testing.T) {
	old, next, link, db := twoServers(t)
	readAll(t, db)
	old.Kill()
	link.Point(next)
	t.Logf("written after %v", untilWritten(t, db, "k"))
}

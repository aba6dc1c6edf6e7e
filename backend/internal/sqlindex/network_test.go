package sqlindex

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

// openBehind opens a database on MariaDB behind a link that can be made bad.
func openBehind(t *testing.T) (*DB, *storagetest.Link) {
	t.Helper()
	c := mariadbConfig(t)
	dsn, _ := mariadbtest.StartLink(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	link := storagetest.StartLink(t, u.Host)
	u.Host = link.Address
	c.DSN = u.String()
	return mustOpen(t, c), link
}

// TestFault77_BadLinkToMySQL: whatever the network does, an operation succeeds or
// says at its deadline that the database does not answer; what was acknowledged
// is there once; and when the network is well, so is the database.
func TestFault77_BadLinkToMySQL(t *testing.T) {
	db, link := openBehind(t)
	for i, test := range []struct {
		name, toxic string
		works       bool // slowly, but it does
	}{
		{"latency", `"type": "latency", "attributes": {"latency": 4, "jitter": 4}`, true},
		{"slices", `"type": "slicer", "attributes": {"average_size": 9, "size_variation": 5, "delay": 50}`, true},
		{"bandwidth", `"type": "bandwidth", "attributes": {"rate": 20}`, true},
		{"resets", `"type": "reset_peer", "attributes": {"timeout": 0}`, false},
		{"resets in the middle", `"type": "limit_data", "attributes": {"bytes": 400}`, false},
		{"silence", `"type": "timeout", "attributes": {"timeout": 0}`, false},
	} {
		for _, stream := range []string{"upstream", "downstream"} {
			t.Run(test.name+" "+stream, func(t *testing.T) {
				link.Toxic(t, fmt.Sprintf(`{"name": "bad", "stream": %q, %s}`, stream, test.toxic))
				key := fmt.Sprintf("%d %s", i, stream)
				acknowledged := useBadLink(t, db, key, test.works)
				link.Heal(t)
				o, err := db.Put(t.Context(), storage.Object{Key: key, Type: "text/plain"})
				if err != nil {
					t.Fatalf("Put after the network was mended: %v", err)
				}
				if o.Version <= acknowledged || o.Version > users+1 {
					t.Errorf("it has version %d after %d acknowledged writes of %d", o.Version, acknowledged, users)
				}
			})
		}
	}
}

// users is how many use a bad link at once: more than there are connections.
const users = 40

// useBadLink writes key once for each user, and returns how many writes were
// acknowledged.
func useBadLink(t *testing.T, db *DB, key string, works bool) int64 {
	t.Helper()
	limit := 500 * time.Millisecond
	if works {
		limit = time.Minute
	}
	var acknowledged atomic.Int64
	var all sync.WaitGroup
	for range users {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := db.Put(ctx, storage.Object{Key: key, Type: "text/plain"})
			switch {
			case err == nil:
				acknowledged.Add(1)
			case works || api.AsError(err).Code != api.Unavailable:
				t.Errorf("Put = %v", errors.Join(err, errors.Unwrap(err)))
			}
		})
	}
	all.Wait()
	return acknowledged.Load()
}

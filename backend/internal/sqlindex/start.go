package sqlindex

import (
	"context"
	"time"

	"memcache/shared/api"
)

// The waits between two attempts to open a database that does not answer: each
// is twice as long as the one before. With the time an attempt takes, the
// longest still is below ten seconds.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 4 * time.Second
)

// OpenOrRetry opens the database as [Open] does, but does not fail when MySQL
// does not answer: it then returns a DB whose methods fail with an api.Error of
// code api.Unavailable, and goes on trying in the background, with growing waits,
// until it succeeds or the DB is closed.
func OpenOrRetry(ctx context.Context, c Config) (*DB, error) {
	db, err := Open(ctx, c)
	if err == nil || c.DSN == "" || ctx.Err() != nil || api.AsError(err).Code != api.Unavailable {
		return db, err
	}
	if db, err = later(c, err); err != nil {
		return nil, err
	}
	return db, nil
}

// later returns the DB of a server that did not answer because of cause.
func later(c Config, cause error) (*DB, error) {
	conf, err := mysqlConfig(c.DSN, c.Log)
	if err != nil {
		return nil, err
	}
	db, err := c.newMySQL(conf)
	if err != nil {
		return nil, err
	}
	c.Log.Error("the database does not answer; serving without it, and trying again", "database", db.name, "error", cause)
	db.ready.Store(false)
	ctx, cancel := context.WithCancel(context.Background())
	db.stopTrying = cancel
	db.trying.Go(func() { db.retry(ctx, c) })
	return db, nil
}

// retry opens the database of c again and again, until that succeeds or ctx ends.
func (db *DB) retry(ctx context.Context, c Config) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		opened, err := Open(ctx, c)
		if err == nil {
			if err := opened.Close(); err != nil {
				c.Log.Warn("close the connections of the start", "error", err)
			}
			db.ready.Store(true)
			c.Log.Info("the database answers", "database", db.name)
			return
		}
		if ctx.Err() == nil {
			c.Log.Error("the database cannot be opened yet; trying again", "database", db.name, "error", err)
		}
	}
}

package sqlindex

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The numbers of the errors by which a server says that it takes no writes: it was
// demoted, or it is a replica.
const (
	mysqlOptionPrevents      = 1290 // --read-only, --super-read-only
	mysqlReadOnlyTransaction = 1792
	mysqlReadOnlyMode        = 1836
)

// termTime is how long a term lasts at least: a server that is read-only for long
// must not cost the readers their connections at each write.
const termTime = time.Second

// primary is what is known of the server that takes the writes. Its terms end when it
// refuses a write: connections of an earlier term may lead to a server that misses what
// was written since, so they are dropped, also those that only read.
type primary struct {
	term  atomic.Int64
	onEnd atomic.Pointer[func()]

	mu    sync.Mutex
	ended time.Time
}

// OnFailover has f called when the server turned out to take no writes any more. What
// was read from it in the last moments may be out of date by then.
func (db *DB) OnFailover(f func()) {
	if db.primary != nil {
		db.primary.onEnd.Store(&f)
	}
}

// refused ends the term.
func (p *primary) refused() {
	p.mu.Lock()
	again := time.Since(p.ended) < termTime
	if !again {
		p.ended = time.Now()
		p.term.Add(1)
	}
	p.mu.Unlock()
	if f := p.onEnd.Load(); f != nil && !again {
		(*f)()
	}
}

// judge makes the refusal of a write one of the connection: the statement did nothing,
// and another connection may lead to the new primary.
func (p *primary) judge(err error) error {
	switch mysqlNumber(err) {
	case mysqlOptionPrevents, mysqlReadOnlyTransaction, mysqlReadOnlyMode:
		p.refused()
		return fmt.Errorf("the server is read-only: %w: %w", driver.ErrBadConn, err)
	}
	return err
}

// IsValid tells whether the pool may keep the connection.
func (c mysqlConn) IsValid() bool {
	return c.term == c.primary.term.Load() && c.wholeConn.IsValid()
}

// ResetSession refuses the use of a connection that was idle when its term ended.
func (c mysqlConn) ResetSession(ctx context.Context) error {
	if c.term != c.primary.term.Load() {
		return driver.ErrBadConn
	}
	return c.wholeConn.ResetSession(ctx)
}

func (c mysqlConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.wholeConn.ExecContext(ctx, query, args)
	return result, c.primary.judge(err)
}

func (c mysqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.wholeConn.QueryContext(ctx, query, args)
	return rows, c.primary.judge(err)
}

func (c mysqlConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	statement, err := c.wholeConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.primary.judge(err)
	}
	whole, ok := statement.(wholeStatement)
	if !ok {
		return nil, fmt.Errorf("the MySQL driver's statement, a %T, lacks methods", statement)
	}
	return mysqlStatement{whole, c.primary}, nil
}

// wholeStatement is all that the driver's statements can do.
type wholeStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

// mysqlStatement is a prepared statement of a [mysqlConn].
type mysqlStatement struct {
	wholeStatement
	primary *primary
}

func (s mysqlStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.wholeStatement.ExecContext(ctx, args)
	return result, s.primary.judge(err)
}

func (s mysqlStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.wholeStatement.QueryContext(ctx, args)
	return rows, s.primary.judge(err)
}

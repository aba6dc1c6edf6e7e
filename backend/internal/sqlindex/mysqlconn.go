package sqlindex

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"
)

// rollbackTimeout bounds a rollback: its transaction's deadline may be over.
const rollbackTimeout = 2 * time.Second

// errStarting says that the database has not answered since the start, so that
// its tables may be missing.
var errStarting = errors.New("the database has not answered since this server started")

// mysqlConnector makes the connections of a pool, as soon as ready is set.
type mysqlConnector struct {
	driver.Connector
	ready   *atomic.Bool
	primary *primary
}

func (c mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if !c.ready.Load() {
		return nil, errStarting
	}
	term := c.primary.term.Load()
	conn, err := c.Connector.Connect(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, socketGone{err}
	}
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(wholeConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the MySQL driver's connection, a %T, lacks methods", conn), conn.Close())
	}
	return mysqlConn{whole, c.primary, term}, nil
}

// socketGone says that the file of the server's unix socket is missing, as while the
// server is down. It hides its cause, which is [fs.ErrNotExist]: that means here that
// there is no such row. It is a [net.Error].
type socketGone struct{ cause error }

func (e socketGone) Error() string { return e.cause.Error() }

// Timeout is false: it was told at once.
func (socketGone) Timeout() bool { return false }

// Temporary is true: the server makes the file when it is back.
func (socketGone) Temporary() bool { return true }

// wholeConn is all that the driver's connections can do.
type wholeConn interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// mysqlConn is a connection whose commits end with their context: the driver's
// own wait for the answer of a hung server without end. It is dropped when its server
// turns out to be the primary no more.
type mysqlConn struct {
	wholeConn
	primary *primary
	term    int64 // in which it was made
}

// Close does not fail: a server that is gone needs no goodbye.
func (c mysqlConn) Close() error {
	_ = c.wholeConn.Close()
	return nil
}

func (c mysqlConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if _, err := c.wholeConn.BeginTx(ctx, opts); err != nil {
		return nil, err
	}
	return mysqlTx{ctx, c}, nil
}

type mysqlTx struct {
	ctx  context.Context // of the transaction
	conn mysqlConn
}

func (tx mysqlTx) Commit() error {
	_, err := tx.conn.ExecContext(tx.ctx, "COMMIT", nil)
	return err
}

func (tx mysqlTx) Rollback() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tx.ctx), rollbackTimeout)
	defer cancel()
	_, err := tx.conn.ExecContext(ctx, "ROLLBACK", nil)
	return err
}

package sqlindex

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// statement is a query that is prepared once and then kept as long as its pool,
// which prepares it anew on each connection. To parse it every time costs more
// than to find a row.
type statement struct {
	text     string
	prepared atomic.Pointer[sql.Stmt]
}

// on returns the statement, prepared on pool, which is always the same.
func (s *statement) on(ctx context.Context, pool *sql.DB) (*sql.Stmt, error) {
	if p := s.prepared.Load(); p != nil {
		return p, nil
	}
	p, err := pool.PrepareContext(ctx, s.text)
	if err != nil || s.prepared.CompareAndSwap(nil, p) {
		return p, err
	}
	return s.prepared.Load(), p.Close() // another caller was first
}

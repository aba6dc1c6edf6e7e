package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"memcache/shared/api"
)

// How long samples are kept: as recorded, then as minutes.
const (
	keepRecorded = 24 * time.Hour
	keepMinutes  = 30 * 24 * time.Hour
)

// The values of samples.span.
const (
	spanRecorded = 0
	spanMinute   = 60
)

// minute in the unit of samples.time_ms.
const minute = int64(time.Minute / time.Millisecond)

// rollUpStep is how many minutes one transaction rolls up, so that a long
// backlog does not hold up writers.
const rollUpStep = 60

const sampleColumns = "time_ms, node, seconds, items, bytes, requests, hits, misses, evictions"

// nodeSample is a row of samples.
type nodeSample struct {
	node string
	api.Sample
}

func (s nodeSample) args(span int) []any {
	return []any{s.Time, s.node, span, s.Seconds, s.Items, s.Bytes, s.Requests, s.Hits, s.Misses, s.Evictions}
}

// RecordSample stores what the cache node did up to s.Time. A second sample of
// the node with the same time replaces the first, so that recording one again
// after a doubtful failure is safe.
func (db *DB) RecordSample(ctx context.Context, node string, s api.Sample) error {
	return db.write(ctx, defaultTimeout, "record a sample", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, db.dialect.putSample, nodeSample{node, s}.args(spanRecorded)...)
		return err
	})
}

// Samples returns the samples with since < Time <= until, oldest first. Those of
// several nodes at one time are one sample: their sum, and the longest Seconds.
func (db *DB) Samples(ctx context.Context, since, until time.Time) ([]api.Sample, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	rows, err := db.reader.QueryContext(short, `SELECT time_ms, MAX(seconds), SUM(items), SUM(bytes), SUM(requests),
SUM(hits), SUM(misses), SUM(evictions) FROM samples WHERE time_ms > ? AND time_ms <= ? GROUP BY time_ms ORDER BY time_ms`,
		since.UnixMilli(), until.UnixMilli())
	if err != nil {
		return nil, db.fail(ctx, "read samples", err)
	}
	defer rows.Close()
	samples := []api.Sample{}
	for rows.Next() {
		var s api.Sample
		err := rows.Scan(&s.Time, &s.Seconds, &s.Items, &s.Bytes, &s.Requests, &s.Hits, &s.Misses, &s.Evictions)
		if err != nil {
			return nil, db.fail(ctx, "read samples", err)
		}
		samples = append(samples, s)
	}
	return samples, db.fail(ctx, "read samples", rows.Err())
}

// Prune makes one row a minute and node of the rows that were recorded
// more than a day before now, and deletes the rows older than 30 days, the
// tokens of commits older than an hour, the answers that are no longer kept and
// what was deleted and cannot be restored any more. Curves and promises go after 30 days, too.
// Each step is a transaction: killed at any point, it goes on where it was when
// it is called again; several backends may call it at once.
func (db *DB) Prune(ctx context.Context, now time.Time) error {
	ctx, cancel := withTimeout(ctx, bulkTimeout)
	defer cancel()
	err := db.write(ctx, bulkTimeout, "delete old samples", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE time_ms <= ?", now.Add(-keepMinutes).UnixMilli())
		return err
	})
	err = errors.Join(err, db.pruneTokens(ctx, now), db.pruneAnswers(ctx, now, maxAnswers), db.pruneTrash(ctx, now), db.pruneCurves(ctx, now), db.prunePromises(ctx, now), db.pruneParts(ctx))
	// Whole minutes only, so that no minute is rolled up before it is complete.
	until := now.Add(-keepRecorded).UnixMilli() / minute * minute
	for more := err == nil; more && err == nil; {
		err = db.write(ctx, bulkTimeout, "roll samples up", func(ctx context.Context, tx *sql.Tx) (err error) {
			more, err = db.rollUp(ctx, tx, until)
			return err
		})
	}
	return err
}

// rollUp rolls up the oldest minutes that have recorded rows up to until, and
// tells whether there were any.
func (db *DB) rollUp(ctx context.Context, tx *sql.Tx, until int64) (bool, error) {
	var oldest sql.NullInt64
	row := tx.QueryRowContext(ctx, "SELECT MIN(time_ms) FROM samples WHERE span = ? AND time_ms <= ?", spanRecorded, until)
	if err := row.Scan(&oldest); err != nil || !oldest.Valid {
		return false, err
	}
	until = min(until, minuteEnd(oldest.Int64)+(rollUpStep-1)*minute)
	rows, err := tx.QueryContext(ctx, "SELECT "+sampleColumns+" FROM samples WHERE span = ? AND time_ms <= ? ORDER BY time_ms, node"+
		db.dialect.forUpdate, spanRecorded, until)
	if err != nil {
		return false, err
	}
	minutes, err := foldMinutes(rows)
	if err != nil {
		return false, err
	}
	for _, m := range minutes {
		if _, err := tx.ExecContext(ctx, db.dialect.addSample, m.args(spanMinute)...); err != nil {
			return false, fmt.Errorf("write the minute %d of %s: %w", m.Time, m.node, err)
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM samples WHERE span = ? AND time_ms <= ?", spanRecorded, until)
	return true, err
}

// foldMinutes reads rows, which are in the order of time, and adds up those of
// a node and minute. Items and Bytes are those of the last.
func foldMinutes(rows *sql.Rows) ([]*nodeSample, error) {
	defer rows.Close()
	type nodeMinute struct {
		node string
		end  int64
	}
	var minutes []*nodeSample
	known := map[nodeMinute]*nodeSample{}
	for rows.Next() {
		var s nodeSample
		err := rows.Scan(&s.Time, &s.node, &s.Seconds, &s.Items, &s.Bytes, &s.Requests, &s.Hits, &s.Misses, &s.Evictions)
		if err != nil {
			return nil, err
		}
		id := nodeMinute{s.node, minuteEnd(s.Time)}
		m := known[id]
		if m == nil {
			m = &nodeSample{node: s.node, Sample: api.Sample{Time: id.end}}
			known[id], minutes = m, append(minutes, m)
		}
		m.add(s.Sample)
	}
	return minutes, rows.Err()
}

func (s *nodeSample) add(x api.Sample) {
	s.Seconds += x.Seconds
	s.Items, s.Bytes = x.Items, x.Bytes
	s.Requests += x.Requests
	s.Hits += x.Hits
	s.Misses += x.Misses
	s.Evictions += x.Evictions
}

// minuteEnd returns the end of the minute that a sample at ms belongs to: a
// sample tells of the time before it, so one on the full minute ends it.
func minuteEnd(ms int64) int64 {
	return (ms + minute - 1) / minute * minute
}

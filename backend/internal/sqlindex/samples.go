package sqlindex

import (
	"context"
	"database/sql"
	"encoding/binary"
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

const sampleColumns = "time_ms, node, span, seconds, items, bytes, capacity, requests, hits, misses, evictions, " +
	"reads_seconds, memory_bytes, disk_bytes, hit_times, miss_times"

// putSample writes a row of samples, in the place of one that is there.
const putSample = "REPLACE INTO samples (" + sampleColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

func (s *StoredSample) args() []any {
	r := &s.Reads
	return []any{
		s.Time, s.Node, s.Span, s.Seconds, s.Items, s.Bytes, s.Capacity, s.Requests, s.Hits, s.Misses, s.Evictions,
		r.Seconds, r.MemoryBytes, r.DiskBytes, packTimes(r.Hits), packTimes(r.Misses),
	}
}

// scanSample reads sampleColumns.
func scanSample(scan func(...any) error) (s StoredSample, err error) {
	var hits, misses []byte
	r := &s.Reads
	err = scan(&s.Time, &s.Node, &s.Span, &s.Seconds, &s.Items, &s.Bytes, &s.Capacity, &s.Requests, &s.Hits, &s.Misses, &s.Evictions,
		&r.Seconds, &r.MemoryBytes, &r.DiskBytes, &hits, &misses)
	if err == nil {
		err = unpackBoth(r, hits, misses)
	}
	return s, err
}

func unpackBoth(r *api.Reads, hits, misses []byte) error {
	return errors.Join(unpackTimes(&r.Hits, hits), unpackTimes(&r.Misses, misses))
}

// packTimes writes a histogram as varints, without what is 0 at the end.
func packTimes(t api.Times) []byte {
	b, whole := []byte{}, 0
	for _, n := range t {
		if b = binary.AppendUvarint(b, uint64(n)); n != 0 {
			whole = len(b)
		}
	}
	return b[:whole]
}

func unpackTimes(t *api.Times, b []byte) error {
	for i := range t {
		if len(b) == 0 {
			return nil
		}
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return errTimes
		}
		t[i], b = int64(n), b[size:]
	}
	if len(b) > 0 {
		return errTimes
	}
	return nil
}

var errTimes = errors.New("a histogram of times is not what was written")

// RecordSample stores what the cache node, or a backend, did up to s.Time. A second
// sample of the node with the same time replaces the first, so that recording one
// again after a doubtful failure is safe.
func (db *DB) RecordSample(ctx context.Context, node string, s api.Sample) error {
	return db.write(ctx, defaultTimeout, "record a sample", func(ctx context.Context, tx *sql.Tx) error {
		row := StoredSample{Node: node, Span: spanRecorded, Sample: s}
		_, err := tx.ExecContext(ctx, putSample, row.args()...)
		return err
	})
}

// Samples returns the samples with since < Time <= until, oldest first. Those of
// several nodes at one time are one sample: their sum, and the longest intervals.
func (db *DB) Samples(ctx context.Context, since, until time.Time, node string) ([]api.Sample, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	where, values := "time_ms > ? AND time_ms <= ?", []any{since.UnixMilli(), until.UnixMilli()}
	if node != "" {
		where, values = where+" AND node = ?", append(values, node)
	}
	rows, err := db.reader.QueryContext(short, "SELECT "+sampleColumns+" FROM samples WHERE "+where+" ORDER BY time_ms", values...)
	if err != nil {
		return nil, db.fail(ctx, "read samples", err)
	}
	defer rows.Close()
	samples := []api.Sample{}
	for rows.Next() {
		s, err := scanSample(rows.Scan)
		if err != nil {
			return nil, db.fail(ctx, "read samples", err)
		}
		if n := len(samples); n > 0 && samples[n-1].Time == s.Time {
			samples[n-1].Beside(s.Sample)
		} else {
			samples = append(samples, s.Sample)
		}
	}
	return samples, db.fail(ctx, "read samples", rows.Err())
}

// Prune makes one row a minute and node of the rows that were recorded
// more than a day before now, and deletes the rows older than 30 days, the
// tokens of commits older than an hour, the answers and uploads that are no longer kept and
// what was deleted and cannot be restored any more, and backends that have ended.
// Curves, promises and marks go after 30 days, too.
// Each step is a transaction: killed at any point, it goes on where it was when
// it is called again; several backends may call it at once.
func (db *DB) Prune(ctx context.Context, now time.Time) error {
	ctx, cancel := withTimeout(ctx, bulkTimeout)
	defer cancel()
	err := db.write(ctx, bulkTimeout, "delete old samples", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE time_ms <= ?", now.Add(-keepMinutes).UnixMilli())
		return err
	})
	err = errors.Join(err, db.pruneTokens(ctx, now), db.pruneAnswers(ctx, now, maxAnswers), db.pruneUploads(ctx, now, maxUploads), db.pruneTrash(ctx, now), db.pruneCurves(ctx, now), db.prunePromises(ctx, now), db.pruneMarks(ctx, now), db.pruneLogins(ctx, now), db.pruneParts(ctx), db.pruneRunning(ctx))
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
		if err := db.addMinute(ctx, tx, m); err != nil {
			return false, fmt.Errorf("write the minute %d of %s: %w", m.Time, m.Node, err)
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM samples WHERE span = ? AND time_ms <= ?", spanRecorded, until)
	return true, err
}

// addMinute writes a minute, and adds what is there already: a sample may come
// after its minute was rolled up.
func (db *DB) addMinute(ctx context.Context, tx *sql.Tx, m *StoredSample) error {
	row := tx.QueryRowContext(ctx, "SELECT "+sampleColumns+" FROM samples WHERE time_ms = ? AND node = ? AND span = ?"+db.dialect.forUpdate,
		m.Time, m.Node, spanMinute)
	switch before, err := scanSample(row.Scan); {
	case err == nil:
		before.Join(m.Sample)
		m.Sample = before.Sample
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	_, err := tx.ExecContext(ctx, putSample, m.args()...)
	return err
}

// foldMinutes reads rows, which are in the order of time, and joins those of a
// node and minute.
func foldMinutes(rows *sql.Rows) ([]*StoredSample, error) {
	defer rows.Close()
	type nodeMinute struct {
		node string
		end  int64
	}
	var minutes []*StoredSample
	known := map[nodeMinute]*StoredSample{}
	for rows.Next() {
		s, err := scanSample(rows.Scan)
		if err != nil {
			return nil, err
		}
		id := nodeMinute{s.Node, minuteEnd(s.Time)}
		m := known[id]
		if m == nil {
			m = &StoredSample{Node: s.Node, Span: spanMinute}
			known[id], minutes = m, append(minutes, m)
		}
		m.Join(s.Sample)
		m.Time = id.end
	}
	return minutes, rows.Err()
}

// minuteEnd returns the end of the minute that a sample at ms belongs to: a
// sample tells of the time before it, so one on the full minute ends it.
func minuteEnd(ms int64) int64 {
	return (ms + minute - 1) / minute * minute
}

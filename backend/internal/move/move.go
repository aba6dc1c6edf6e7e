// Package move copies all that is kept from one place to another, while servers use
// the first one. A place is a database and a store of blobs; the copy may leave one
// of them where it is.
//
// # Passes
//
// Each pass copies what is not there yet, first the blobs, then the rows, and ends
// with what the source had at a moment of it. It can be interrupted at any instant:
// the next one goes on. The last pass, with Config.Finish, first keeps everybody from
// changing rows of the source, for which it needs no server's help: every change
// looks at a row of the database in its own transaction. Reads go on. So that pass,
// which has little left to do, ends with all that there is.
//
// # What is where
//
// A blob is named by the hash of its bytes. It is hashed while it is read, which
// keeps a damaged one from being written, and read again from where it was written;
// then the database that is copied to notes it. A blob that is there, with the size
// that its row tells, and is noted, is not copied again; one that is there and not
// noted is read. Rows whose blobs are not noted are left out.
//
// The database that is copied to is empty at first, and marked until the last pass
// has ended: no server starts on it meanwhile. So all that it has is of earlier
// passes, and may be changed or deleted to be as the source is.
package move

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
)

// Source is what is copied. Servers may use it.
type Source struct {
	Name  string // for people, and to know it again
	Store string // the name of its store, see Target
	Index *sqlindex.DB
	// Open opens a blob and tells its size in bytes; [fs.ErrNotExist] when there is none.
	Open func(ctx context.Context, id string) (io.ReadCloser, int64, error)
}

// Blobs is a store that is copied to.
type Blobs interface {
	Write(ctx context.Context, r io.Reader) (storage.Blob, error)
	Open(ctx context.Context, id string) (io.ReadSeekCloser, error)
	// BlobsAfter returns a page of the blobs that come after an id, in the order of the
	// ids, and none at the end.
	BlobsAfter(ctx context.Context, after string) ([]storage.Stored, error)
}

// Target is what is copied to.
type Target struct {
	Name  string
	Store string       // the name of its store, as servers with it have it in [sqlindex.Config]
	Index *sqlindex.DB // that of the source where the rows stay
	Blobs Blobs        // nil where the blobs stay
}

// Config is what one pass does.
type Config struct {
	From Source
	To   Target

	Finish   bool // it is the last pass
	Trust    bool // what was written is not read again
	Parallel int  // blobs at once; 0: 16
	Progress *Progress
	Log      *slog.Logger
}

const defaultParallel = 16

// Result is what a pass has done. Blobs are counted once, however many objects have
// them.
type Result struct {
	Copied  int64 // blobs
	Bytes   int64 // of those
	Present int64 // blobs that were there before
	Later   int64 // objects that were stored meanwhile, or cannot be copied
	Objects int64 // that are there now, where rows were copied
	Failed  []Failure
}

// Failure is a blob that cannot be copied.
type Failure struct {
	Blob string
	Keys []string // of objects that have it, a few
	Err  error
}

var (
	// ErrIncomplete says that all was copied but what Result.Failed names.
	ErrIncomplete = errors.New("some objects were not copied")
	// ErrFinished says that the last pass has ended before.
	ErrFinished = errors.New("the copy has ended already")
)

// moving is one call of Run.
type moving struct {
	Config
	notes    notes
	failures failures
	result   Result
}

// Run does one pass.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	if cfg.Progress == nil {
		cfg.Progress = &Progress{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &moving{Config: cfg, notes: notes{index: cfg.To.Index}}
	err := m.begin(ctx)
	switch {
	case err != nil:
	case cfg.Finish:
		err = m.last(ctx)
	default:
		err = m.first(ctx)
	}
	m.result.Failed = m.failures.list
	m.result.Copied, m.result.Bytes = m.Progress.copied.Load(), m.Progress.copiedBytes.Load()
	if err == nil && len(m.result.Failed) > 0 {
		err = ErrIncomplete
	}
	return m.result, err
}

// rehouses tells whether the rows stay where they are.
func (m *moving) rehouses() bool { return m.From.Index == m.To.Index }

// begin marks the database that is copied to.
func (m *moving) begin(ctx context.Context) error {
	from, err := m.From.Index.Moving(ctx)
	if err != nil {
		return err
	}
	if from.From != "" {
		return fmt.Errorf("%s holds a part of a copy from %s: end that first", m.From.Index.Name(), from.From)
	}
	finished := m.rehouses() && from.OnlyStore != "" && from.OnlyStore == m.To.Store
	if from.OnlyStore != "" && from.OnlyStore != m.From.Store && !finished {
		return fmt.Errorf("the objects of %s are kept in %s by now, and not in %s: copy from there", m.From.Index.Name(), from.OnlyStore, m.From.Store)
	}
	state, err := m.To.Index.Moving(ctx)
	if err != nil {
		return err
	}
	if finished {
		return ErrFinished
	}
	if m.rehouses() {
		if state.To != m.To.Name {
			if err := m.checkEmpty(ctx); err != nil {
				return err
			}
		}
		return m.To.Index.BeginRehousing(ctx, m.To.Name)
	}
	if state.From == "" {
		if err := m.checkUnused(ctx, from); err != nil {
			return err
		}
	}
	err = m.To.Index.BeginReceiving(ctx, m.From.Name+" to "+m.To.Name)
	if errors.Is(err, sqlindex.ErrOccupied) {
		err = fmt.Errorf("%s: %w", m.To.Index.Name(), err)
	}
	return err
}

// checkUnused fails where this copy has ended before, and where the store has blobs.
func (m *moving) checkUnused(ctx context.Context, from sqlindex.Moving) error {
	n, err := m.To.Index.ObjectTotal(ctx)
	if err != nil {
		return err
	}
	if from.Frozen && from.To == m.To.Name && n > 0 {
		return ErrFinished
	}
	return m.checkEmpty(ctx)
}

// checkEmpty fails where the store that is copied to has blobs, which are of no copy.
func (m *moving) checkEmpty(ctx context.Context) error {
	if m.To.Blobs == nil {
		return nil
	}
	page, err := m.To.Blobs.BlobsAfter(ctx, "")
	if err == nil && len(page) > 0 {
		err = fmt.Errorf("%s has objects already, which are not of this copy: give an empty place", m.To.Name)
	}
	return err
}

// first is a pass while servers may change the source.
func (m *moving) first(ctx context.Context) error {
	err := m.pass(ctx)
	m.result.Present = m.Progress.skipped.Load()
	return err
}

// last copies what is not there, and once more, and little by then, while nobody
// changes the source.
func (m *moving) last(ctx context.Context) (err error) {
	if err := m.first(ctx); err != nil {
		return err
	}
	if len(m.failures.list) > 0 {
		return ErrIncomplete
	}
	defer func() {
		// The source goes on as before, unless servers may be using the copy already.
		if err != nil && !errors.Is(err, storage.ErrInDoubt) {
			err = errors.Join(err, m.From.Index.Thaw(context.WithoutCancel(ctx)))
		}
	}()
	if err := m.From.Index.Freeze(ctx, m.To.Name); err != nil {
		return err
	}
	if err := m.pass(ctx); err != nil {
		return err
	}
	return m.finish(ctx)
}

// pass copies what is not there.
func (m *moving) pass(ctx context.Context) error {
	if m.To.Blobs != nil {
		if err := m.blobs(ctx); err != nil {
			return err
		}
	}
	if m.rehouses() {
		return nil
	}
	return m.rows(ctx)
}

// rows makes the rows those of the source.
func (m *moving) rows(ctx context.Context) error {
	total, err := m.From.Index.ObjectTotal(ctx)
	if err != nil {
		return err
	}
	m.Progress.beginRows(total)
	all, later, err := m.From.Index.Mirror(ctx, m.To.Index, sqlindex.Mirror{
		MovedOnly: m.To.Blobs != nil,
		Each:      func(objects int) { m.Progress.rows.Add(int64(objects)) },
	})
	if err != nil {
		return err
	}
	m.result.Later = later
	m.result.Objects, err = m.To.Index.CountObjects(ctx)
	if err == nil && m.result.Objects != all-later {
		err = fmt.Errorf("the copy has %d objects instead of %d: do it again", m.result.Objects, all-later)
	}
	return err
}

// finish makes the copy the place that is used.
func (m *moving) finish(ctx context.Context) error {
	if len(m.failures.list) > 0 || m.result.Later > 0 {
		return ErrIncomplete
	}
	if err := m.end(context.WithoutCancel(ctx)); err != nil { // half an end would be none
		return err
	}
	if err := m.To.Index.ForgetMovedBlobs(context.WithoutCancel(ctx)); err != nil {
		m.Log.Warn("what was copied stays noted until the next copy", "error", err)
	}
	return nil
}

func (m *moving) end(ctx context.Context) error {
	if m.rehouses() {
		return m.To.Index.EndRehousing(ctx, m.To.Store)
	}
	settings, err := m.From.Index.Settings(ctx)
	if err != nil {
		return err
	}
	return m.To.Index.EndReceiving(ctx, settings.Generation)
}

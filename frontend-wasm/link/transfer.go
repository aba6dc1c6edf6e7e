package link

import (
	"context"
	"errors"
	"sync"
	"time"

	"memcache/shared/api"
)

// transfer is one upload, over however many connections it takes.
type transfer struct {
	id, key  string
	cond     api.Condition
	remember bool // the upload may be sent again
	src      Source
	frames   frames
	progress func(sent, size int64)
	shown    int64 // what progress was last told
	changed  chan struct{}
	pace     *pace // over the present session

	mu    sync.Mutex
	state api.UploadState // the furthest that the server told
}

func newTransfer(u Upload, src Source, progress func(sent, size int64)) *transfer {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	t := &transfer{id: u.ID, key: u.Key, cond: u.Cond, remember: u.ID != "", src: src, frames: frames{src: src}, progress: progress, shown: -1, changed: make(chan struct{}, 1)}
	if t.id == "" {
		t.id = NewID()
	}
	return t
}

// busyError is the failure to start of an upload that may start later.
type busyError struct{ error }

func (e busyError) Unwrap() error { return e.error }

// over sends the upload, or what the server lacks of it, over one session.
func (t *transfer) over(ctx context.Context, s *session) (object api.Object, err error) {
	offset, err := t.start(ctx, s)
	if err != nil {
		return object, err
	}
	for offset < t.src.Size() {
		n := min(api.ChunkBytes, t.src.Size()-offset)
		if err := t.sendChunk(ctx, s, offset, n); err != nil {
			return object, err
		}
		offset += n
		t.pace.sent(offset, time.Now())
	}
	if err := t.awaitTaken(ctx, s); err != nil {
		return object, err
	}
	err = s.call(ctx, api.MethodFinish, api.UploadRef{Upload: t.id}, &object)
	return object, err
}

// start begins the upload, or resumes it, and returns where to go on.
func (t *transfer) start(ctx context.Context, s *session) (int64, error) {
	t.pace = newPace()
	t.mu.Lock()
	t.state = api.UploadState{} // a server that was restarted begins anew
	t.mu.Unlock()
	var state api.UploadState
	err := s.call(ctx, api.MethodUpload, api.UploadStart{
		Upload: t.id, Key: t.key, Size: t.src.Size(), Remember: t.remember, Condition: t.cond,
	}, &state)
	if err != nil {
		if code := api.AsError(err).Code; code == api.TooMany || code == api.Unavailable {
			err = busyError{err}
		}
		return 0, err
	}
	if state.Offset < 0 || state.Offset > t.src.Size() {
		return 0, api.Errorf(api.Internal, "the server has %d bytes of %q, which has %d: reload the page, it may be older than the server", state.Offset, t.key, t.src.Size())
	}
	t.update(state)
	return state.Offset, nil
}

// update takes what the server told. It may come before the answer to start
// that was sent ahead of it, so the further of the two counts.
func (t *transfer) update(state api.UploadState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer signal(t.changed)
	t.state.Offset = max(t.state.Offset, state.Offset)
	t.state.Credit = max(t.state.Credit, state.Credit)
	if state.Error != nil {
		t.state.Error = state.Error
	}
}

// await waits until the n bytes at offset may be sent.
func (t *transfer) await(ctx context.Context, s *session, offset, n int64) error {
	return t.until(ctx, s, func(state api.UploadState) bool {
		return state.Credit-offset >= n && t.pace.allows(offset+n, state.Offset)
	})
}

// awaitTaken waits until the server has everything.
func (t *transfer) awaitTaken(ctx context.Context, s *session) error {
	return t.until(ctx, s, func(state api.UploadState) bool { return state.Offset >= t.src.Size() })
}

// until waits until ok is satisfied, and shows progress meanwhile.
func (t *transfer) until(ctx context.Context, s *session, ok func(api.UploadState) bool) error {
	for {
		t.mu.Lock()
		state := t.state
		t.mu.Unlock()
		t.show(state.Offset)
		t.pace.taken(state.Offset, time.Now())
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case state.Error != nil:
			return state.Error
		case s.ctx.Err() != nil:
			return s.gone(api.MethodUpload)
		case ok(state):
			return nil
		}
		select {
		case <-ctx.Done():
		case <-s.ctx.Done():
		case <-t.changed:
		}
	}
}

func (t *transfer) show(sent int64) {
	if sent != t.shown {
		t.shown = sent
		t.progress(sent, t.src.Size())
	}
}

// sendChunk sends n bytes from offset. They are read while those before them are
// still under way.
func (t *transfer) sendChunk(ctx context.Context, s *session, offset, n int64) error {
	header, err := api.AppendChunkHeader(nil, t.id, offset)
	if err != nil {
		return err
	}
	message, err := t.frames.read(ctx, header, offset, n)
	if err != nil {
		if ctx.Err() == nil {
			_ = t.drop(ctx, s) // if that fails, the server drops it by itself after a while
		}
		return api.Errorf(api.Invalid, "%q could not be read at byte %d: %w", t.key, offset, err)
	}
	if err := t.await(ctx, s, offset, n); err != nil {
		return err
	}
	return s.writeFrame(message)
}

// cancel drops an upload that ctx has ended, and returns why it is not stored.
func (t *transfer) cancel(ctx context.Context, s *session) *api.Error {
	if errors.Is(context.Cause(ctx), ErrPaused) {
		return givenUp(t.key, ctx)
	}
	if err := t.drop(ctx, s); err != nil && api.AsError(err).Code == api.PreconditionFailed {
		return api.AsError(err) // it was too late: the object is stored
	}
	return givenUp(t.key, ctx)
}

// drop tells the server to drop the upload and waits until it has. Where the
// connection is lost, the server drops it by itself after a while.
func (t *transfer) drop(ctx context.Context, s *session) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWithin)
	defer stop()
	return s.call(ctx, api.MethodCancel, api.UploadRef{Upload: t.id}, nil)
}

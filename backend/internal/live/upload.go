package live

import (
	"context"
	"io"
	"sync"
	"time"

	"memcache/shared/api"
)

// window is how far a client may be ahead of the store, in bytes: what one
// upload holds in memory at most.
const window = 2 << 20

// How often a client is told that it may go on: for so many bytes, and for fewer of
// them after a while. Each time costs a page as much as to send them.
const (
	tellBytes  = 512 << 10
	tellWithin = 20 * time.Millisecond
)

// upload is one upload: a ring of bytes between the connection that they
// arrive on (take) and the store that reads them (Read).
type upload struct {
	id, key string
	size    int64
	cond    api.Condition
	ctx     context.Context // of Objects.Put
	stop    context.CancelFunc
	done    chan struct{} // closed when Objects.Put has returned
	asked   chan struct{} // closed when it first wants bytes
	stake   *stake        // nil where it ends with this backend

	mu       sync.Mutex
	moved    sync.Cond // something that Read waits for happened
	ring     []byte    // the bytes from consumed to arrived, each at its offset modulo the length
	arrived  int64
	consumed int64
	told     int64     // what consumed was when the client was last told
	telling  bool      // the client will be told of what was consumed since
	whole    bool      // the client has said that this is all
	owner    client    // nil while the connection is lost
	active   time.Time // when the client last did something
	failed   *api.Error
	cause    error // what Objects.Put failed with
	dropped  bool  // the client has cancelled it
	object   api.Object
	settled  time.Time // when done was closed; zero before
}

func newUpload(c client, s api.UploadStart) *upload {
	u := &upload{id: s.Upload, key: s.Key, size: s.Size, cond: s.Condition, owner: c, active: time.Now(), done: make(chan struct{}), asked: make(chan struct{})}
	u.moved.L = &u.mu
	u.ctx, u.stop = context.WithCancel(context.Background())
	return u
}

// state is what the client is told.
func (u *upload) state() api.UploadState {
	u.mu.Lock()
	defer u.mu.Unlock()
	return api.UploadState{Upload: u.id, Offset: u.arrived, Credit: u.credit(), Error: u.failed}
}

func (u *upload) credit() int64 { return min(u.consumed+window, u.size) }

// status returns the connection and, if the upload is settled, since when.
func (u *upload) status() (owner client, settled time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.owner, u.settled
}

// resume makes c the connection that the upload comes through. What still comes
// on the one before is ignored from here on.
func (u *upload) resume(c client, s api.UploadStart) (api.UploadState, error) {
	u.mu.Lock()
	if u.key != s.Key || u.size != s.Size {
		u.mu.Unlock()
		return api.UploadState{}, api.Errorf(api.Invalid, "the upload %s has another key or size: choose a new identifier for each upload", s.Upload)
	}
	if u.failed != nil {
		defer u.mu.Unlock()
		return api.UploadState{}, u.failed
	}
	u.owner, u.active = c, time.Now()
	u.mu.Unlock()
	return u.state(), nil
}

// take takes a chunk from c.
func (u *upload) take(c client, offset int64, data []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed != nil || u.owner != c {
		return // it was on its way when that changed
	}
	u.active = time.Now()
	if err := u.checkChunk(offset, int64(len(data))); err != nil {
		u.failLocked(err)
		return
	}
	if u.ring == nil {
		u.ring = make([]byte, min(window, u.size))
	}
	at := int(u.arrived % int64(len(u.ring)))
	n := copy(u.ring[at:], data)
	copy(u.ring, data[n:])
	u.arrived += int64(len(data))
	u.moved.Broadcast()
}

func (u *upload) checkChunk(offset, n int64) *api.Error {
	switch {
	case u.whole:
		return api.Errorf(api.Invalid, "a chunk of %q came after upload.finish: send it all first", u.key)
	case n == 0:
		return api.Errorf(api.Invalid, "a chunk of %q at %d is empty", u.key, offset)
	case offset != u.arrived:
		return api.Errorf(api.Invalid, "a chunk of %q begins at %d: the next byte is %d", u.key, offset, u.arrived)
	case n > u.size-offset:
		return api.Errorf(api.Invalid, "a chunk of %q with %d bytes at %d goes beyond the size of %d bytes", u.key, n, offset, u.size)
	case n > u.credit()-offset:
		return api.Errorf(api.Invalid, "a chunk of %q with %d bytes at %d goes beyond the credit, which ends at %d: wait for more", u.key, n, offset, u.credit())
	}
	return nil
}

// Read gives the store what has arrived. The end comes only after upload.finish,
// so that a cancelled upload is never stored. Only Objects.Put calls it.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-u.asked:
	default:
		close(u.asked)
	}
	for u.failed == nil && !u.whole && u.arrived == u.consumed {
		u.moved.Wait()
	}
	if u.failed != nil {
		return 0, u.failed
	}
	if u.arrived == u.consumed {
		return 0, io.EOF
	}
	at := int(u.consumed % int64(len(u.ring)))
	n := copy(p[:min(int64(len(p)), u.arrived-u.consumed)], u.ring[at:])
	u.consumed += int64(n)
	switch {
	case u.consumed-u.told >= tellBytes || u.consumed == u.size:
		u.tell()
	case !u.telling:
		u.telling = true
		time.AfterFunc(tellWithin, u.tellRest)
	}
	return n, nil
}

// tellRest tells what tell has not told yet.
func (u *upload) tellRest() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.telling = false
	if u.told < u.consumed && u.settled.IsZero() {
		u.tell()
	}
}

func (u *upload) tell() {
	u.told = u.consumed
	if u.owner != nil {
		u.owner.tellUpload(u)
	}
}

// complete says that no more will come.
func (u *upload) complete() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed == nil && u.arrived < u.size {
		return api.Errorf(api.Invalid, "%d of the %d bytes of %q have arrived: send the rest before upload.finish", u.arrived, u.size, u.key)
	}
	u.active, u.whole = time.Now(), true
	u.moved.Broadcast()
	return nil
}

// wait waits for the outcome.
func (u *upload) wait(ctx context.Context) (api.Object, error) {
	select {
	case <-ctx.Done():
		return api.Object{}, ctx.Err()
	case <-u.done:
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed != nil {
		return api.Object{}, u.failed
	}
	return u.object, nil
}

// fail ends an upload that is not settled yet.
func (u *upload) fail(err *api.Error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.failLocked(err)
}

// cancel ends an upload for good.
func (u *upload) cancel() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dropped = true
	u.failLocked(api.Errorf(api.Invalid, "the upload of %q was cancelled", u.key))
}

func (u *upload) isCancelled() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dropped
}

func (u *upload) hasFailed() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failed != nil
}

// outcomeStands tells whether the upload is settled, in a way that sending it again
// would not change.
func (u *upload) outcomeStands() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.settled.IsZero() {
		return false
	}
	return u.failed == nil || u.failed.Code != api.Unavailable && u.failed.Code != api.NotFound && u.failed.Code != api.Conflict
}

func (u *upload) failLocked(err *api.Error) {
	if u.failed != nil || !u.settled.IsZero() {
		return
	}
	u.failed = err
	u.stop()
	u.moved.Broadcast()
	u.tell()
}

// settle keeps what Objects.Put returned, and returns an error that is not yet
// known. Bytes that were stored count, even if somebody wanted to stop it.
func (u *upload) settle(object api.Object, err error) *api.Error {
	defer close(u.done)
	u.mu.Lock()
	defer u.mu.Unlock()
	defer u.stop()
	var news *api.Error
	if err == nil {
		u.object, u.failed, u.arrived, u.consumed = object, nil, u.size, u.size
	} else if u.failed == nil {
		news = api.AsError(err)
		u.failLocked(news)
	}
	u.cause = err
	u.settled, u.ring = time.Now(), nil
	return news
}

// disown keeps what happens from here on from the client.
func (u *upload) disown() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.owner = nil
}

// detach tells that c has gone.
func (u *upload) detach(c client) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.owner == c {
		u.owner, u.active = nil, time.Now()
	}
}

// expire ends an upload whose client has left or sends nothing.
func (u *upload) expire(limits limits) {
	u.mu.Lock()
	defer u.mu.Unlock()
	idle := time.Since(u.active)
	left := u.owner == nil && idle >= limits.keepUpload
	stalled := u.arrived == u.consumed && idle >= limits.keepStalled
	if !u.whole && (left || stalled) {
		u.failLocked(api.Errorf(api.NotFound, "nobody went on with the upload of %q for %v: start it again", u.key, idle.Round(time.Second)))
	}
}

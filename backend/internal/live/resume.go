package live

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"memcache/shared/api"
)

// Where the store can be resumed, a large upload may go on at another backend, from
// what the store has of it: after each part, how far that is is kept in the
// database. Whoever the client comes to takes the upload from there, and the backend
// before, if it still runs, finds out at its next part, or when the client comes
// back. An upload is its account's, key's and size's: with another of these, it is
// another one.

// Resumer is what uploads need to go on at another backend.
type Resumer interface {
	// PutFrom does as Objects.Put, and tells note from where a later call can go on,
	// with which state. With one, r has the bytes from there on; [ErrNoState] when the
	// store has nothing of that any more, before r is read. An error of note ends it.
	PutFrom(ctx context.Context, key string, r io.Reader, cond api.Condition, state []byte, note func(offset int64, state []byte) error) (api.Object, error)
	// Forget removes what a PutFrom that failed has left.
	Forget(ctx context.Context, state []byte) error
}

// Turns keeps whose turn it is to go on with an upload, and from where. A turn ends
// when another is taken.
type Turns interface {
	// TakeUpload begins a turn, and returns the state that was kept last; empty when
	// there is none.
	TakeUpload(ctx context.Context, id [32]byte, keep time.Duration) (turn int64, state []byte, err error)
	OwnsUpload(ctx context.Context, id [32]byte, turn int64) (bool, error)
	// KeepUpload and DropUpload do nothing when it is another's turn by now.
	KeepUpload(ctx context.Context, id [32]byte, turn int64, state []byte, keep time.Duration) (kept bool, err error)
	DropUpload(ctx context.Context, id [32]byte, turn int64) error
}

// ErrNoState says that nothing is left of what was stored of an upload.
var ErrNoState = errors.New("live: nothing is left of what was stored of the upload")

const (
	// keepState is how long an upload that nobody goes on with can be resumed: as long
	// as the store keeps its parts.
	keepState = 24 * time.Hour
	// resumable is the size from which an upload has parts.
	resumable = 5 << 20
)

// checkpoint is what is kept of an upload.
type checkpoint struct {
	Offset int64  `json:"offset"`
	State  []byte `json:"state"` // of Resumer.PutFrom
}

// stake is this backend's turn at an upload.
type stake struct {
	us   *uploads
	id   [32]byte
	turn atomic.Int64
	from checkpoint // where it began
	last []byte     // the state that was noted last
}

func stakeID(c client, s api.UploadStart) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "upload in progress %q %s %q %d", c.account(), s.Upload, s.Key, s.Size))
}

// takeStake begins a turn.
func (us *uploads) takeStake(ctx context.Context, c client, s api.UploadStart) (*stake, error) {
	k := &stake{us: us, id: stakeID(c, s)}
	turn, state, err := us.turns.TakeUpload(ctx, k.id, keepState)
	if err == nil && len(state) > 0 {
		err = json.Unmarshal(state, &k.from)
	}
	if err != nil {
		return nil, api.Errorf(api.Unavailable, "how far the upload of %q has come cannot be looked up now: try again in a moment", s.Key).Because(err)
	}
	k.last = k.from.State
	k.turn.Store(turn)
	return k, nil
}

// note keeps how far the upload has come. A database that is away for a moment does
// not end it: it is only resumed from further back.
func (k *stake) note(key string, offset int64, state []byte) error {
	record, err := json.Marshal(checkpoint{offset, state})
	if err != nil {
		return err
	}
	k.last = state
	ctx, cancel := context.WithTimeout(context.Background(), rememberTime)
	defer cancel()
	kept, err := k.us.turns.KeepUpload(ctx, k.id, k.turn.Load(), record, keepState)
	if err != nil {
		k.us.log.Warn("how far an upload has come was not noted", "key", key, "offset", offset, "err", err)
		return nil
	}
	if !kept {
		return movedOn(key)
	}
	return nil
}

func movedOn(key string) *api.Error {
	return api.Errorf(api.Conflict, "the upload of %q goes on over another connection, at another server", key)
}

// takeOver makes a turn that this process took meanwhile that of the upload.
func (k *stake) takeOver(later *stake) {
	if k != nil && later != nil {
		k.turn.Store(max(k.turn.Load(), later.turn.Load()))
	}
}

// end forgets an upload that is stored, or that was cancelled.
func (k *stake) end(stored bool) {
	ctx, cancel := context.WithTimeout(context.Background(), rememberTime)
	defer cancel()
	owns, err := k.us.turns.OwnsUpload(ctx, k.id, k.turn.Load())
	if err == nil && owns && !stored && len(k.last) > 0 {
		err = k.us.resumer.Forget(ctx, k.last)
	}
	if err == nil {
		err = k.us.turns.DropUpload(ctx, k.id, k.turn.Load())
	}
	if err != nil {
		k.us.log.Warn("what is kept of an upload stays until it expires", "err", err)
	}
}

// startResumable is start for an upload that another backend may go on with, or has
// begun.
func (us *uploads) startResumable(ctx context.Context, c client, s api.UploadStart) (api.UploadState, error) {
	running, err := us.stillOurs(ctx, s.Upload)
	if err != nil {
		return api.UploadState{}, err
	}
	if running {
		return us.startHere(c, s, nil, nil)
	}
	k, err := us.takeStake(ctx, c, s)
	if err != nil {
		return api.UploadState{}, err
	}
	if k.from.State == nil {
		return us.startHere(c, s, nil, k)
	}
	state, err := us.goOn(ctx, c, s, k)
	if errors.Is(err, ErrNoState) {
		k.from, k.last = checkpoint{}, nil
		return us.startHere(c, s, nil, k)
	}
	return state, err
}

// stillOurs tells whether the upload is here, and no other backend has taken it. One
// that was taken, or that failed in a way that may have passed, is forgotten.
func (us *uploads) stillOurs(ctx context.Context, id string) (bool, error) {
	u, err := us.find(id)
	if err != nil {
		return false, nil
	}
	k := u.stake
	if k == nil || u.outcomeStands() {
		return true, nil
	}
	owns, err := us.turns.OwnsUpload(ctx, k.id, k.turn.Load())
	if err != nil {
		return false, api.Errorf(api.Unavailable, "how far the upload of %q has come cannot be looked up now: try again in a moment", u.key).Because(err)
	}
	if owns && !u.hasFailed() {
		return true, nil
	}
	u.disown()
	u.fail(movedOn(u.key))
	if _, err := u.wait(ctx); ctx.Err() != nil {
		return false, err
	}
	us.mu.Lock()
	defer us.mu.Unlock()
	if us.byID[id] == u {
		delete(us.byID, id)
	}
	return false, nil
}

// goOn starts an upload from what the store has of it, and lets c have it once that
// is found there.
func (us *uploads) goOn(ctx context.Context, c client, s api.UploadStart, k *stake) (api.UploadState, error) {
	u := newUpload(nil, s)
	u.arrived, u.consumed, u.told, u.stake = k.from.Offset, k.from.Offset, k.from.Offset, k
	if err := us.run(c, u, s.Remember); err != nil {
		return api.UploadState{}, err
	}
	select {
	case <-u.asked:
		return u.resume(c, s)
	case <-ctx.Done():
		return api.UploadState{}, ctx.Err()
	case <-u.done:
	}
	if errors.Is(u.cause, ErrNoState) {
		us.mu.Lock()
		defer us.mu.Unlock()
		delete(us.byID, s.Upload)
		return api.UploadState{}, ErrNoState
	}
	return u.resume(c, s)
}

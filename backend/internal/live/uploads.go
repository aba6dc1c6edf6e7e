package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"memcache/shared/api"
)

// maxKept bounds the uploads that are remembered, running and settled ones.
const maxKept = 256

// uploads are all uploads, whichever connection they come through.
//
// A running upload has a goroutine in Objects.Put that reads what arrives. A
// settled one is remembered for a while: its client may have lost the
// connection before it heard the outcome, or may still be sending.
type uploads struct {
	objects   Objects
	answers   Answers
	resumer   Resumer // nil: uploads end with this backend
	turns     Turns
	log       *slog.Logger
	limits    limits
	maxObject int64
	begin     func() (end func(), err error)
	running   sync.WaitGroup // in Objects.Put

	mu      sync.Mutex
	byID    map[string]*upload
	closing bool
}

func newUploads(config Config, limits limits) *uploads {
	return &uploads{
		objects:   config.Objects,
		answers:   config.Answers,
		resumer:   config.Resumer,
		turns:     config.Turns,
		log:       config.Log,
		limits:    limits,
		maxObject: config.MaxObject,
		begin:     config.BeginUpload,
		byID:      make(map[string]*upload),
	}
}

// client is the connection that an upload comes through at present.
type client interface {
	// tellUpload sends the upload's state soon. It never waits.
	tellUpload(*upload)
	// account is whose it is; "" where nobody has to log in.
	account() string
}

// start begins an upload, or lets c go on with one that it had begun.
func (us *uploads) start(ctx context.Context, c client, s api.UploadStart) (api.UploadState, error) {
	if err := us.check(s); err != nil {
		return api.UploadState{}, err
	}
	done, err := us.recall(ctx, s)
	if err != nil {
		return api.UploadState{}, err
	}
	if us.resumer != nil && done == nil && s.Size > resumable {
		return us.startResumable(ctx, c, s)
	}
	return us.startHere(c, s, done, nil)
}

// startHere begins an upload, or lets c go on with one that is here, or with done,
// which is stored already, if that is not nil. k is the turn at one that is begun.
func (us *uploads) startHere(c client, s api.UploadStart, done *upload, k *stake) (api.UploadState, error) {
	us.mu.Lock()
	defer us.mu.Unlock()
	if u := us.byID[s.Upload]; u != nil {
		u.stake.takeOver(k)
		return u.resume(c, s)
	}
	if done != nil {
		us.makeRoom()
		us.byID[s.Upload] = done
		return done.resume(c, s)
	}
	u := newUpload(c, s)
	u.stake = k
	if err := us.runLocked(c, u, s.Remember); err != nil {
		return api.UploadState{}, err
	}
	return u.state(), nil
}

// run has an upload of c stored, from where it is.
func (us *uploads) run(c client, u *upload, remember bool) error {
	us.mu.Lock()
	defer us.mu.Unlock()
	if us.byID[u.id] != nil {
		return api.Errorf(api.Unavailable, "the upload of %q is being taken over: try again in a moment", u.key)
	}
	return us.runLocked(c, u, remember)
}

func (us *uploads) runLocked(c client, u *upload, remember bool) error {
	end, err := us.admit(c)
	if err != nil {
		return err
	}
	us.byID[u.id] = u
	us.running.Go(func() { us.put(u, remember, end) })
	return nil
}

func (us *uploads) check(s api.UploadStart) error {
	if _, err := api.AppendChunkHeader(nil, s.Upload, 0); err != nil {
		return err
	}
	if err := api.CheckKey(s.Key); err != nil {
		return err
	}
	if s.Size < 0 {
		return api.Errorf(api.Invalid, "the size %d is negative: give the number of bytes", s.Size)
	}
	if s.Size > us.maxObject {
		return api.Errorf(api.TooLarge, "%q has %s (%d bytes): the largest object allowed has %s (%d bytes)", s.Key, api.FormatBytes(s.Size), s.Size, api.FormatBytes(us.maxObject), us.maxObject)
	}
	return nil
}

// admit checks that one more upload of c may run, until end is called, and makes
// room to remember it.
func (us *uploads) admit(c client) (end func(), err error) {
	if us.closing {
		return nil, api.Errorf(api.Unavailable, "the server is shutting down: try again soon")
	}
	own := 0
	for _, u := range us.byID {
		if owner, settled := u.status(); settled.IsZero() && owner == c {
			own++
		}
	}
	if own >= us.limits.perClient {
		return nil, api.Errorf(api.TooMany, "%d uploads of yours are running: wait until one is finished", own)
	}
	if end, err = us.begin(); err != nil {
		return nil, err
	}
	us.makeRoom()
	return end, nil
}

// makeRoom forgets the upload that was settled first, if there are too many.
func (us *uploads) makeRoom() {
	if len(us.byID) < maxKept {
		return
	}
	var oldest string
	var since time.Time
	for id, u := range us.byID {
		if _, settled := u.status(); !settled.IsZero() && (oldest == "" || settled.Before(since)) {
			oldest, since = id, settled
		}
	}
	delete(us.byID, oldest)
}

// put stores what arrives, calls end and keeps the outcome: who hears of that may
// begin another upload at once.
func (us *uploads) put(u *upload, remember bool, end func()) {
	object, err := us.store(u)
	end()
	if err == nil && remember {
		us.remember(u, object)
	}
	if u.stake != nil && (err == nil || u.isCancelled()) {
		u.stake.end(err == nil)
	}
	if cause := u.settle(object, err); cause != nil && cause.Code == api.Internal && !errors.Is(err, ErrNoState) {
		us.log.Error("upload failed", "key", u.key, "size", u.size, "err", err)
	}
}

// store calls Put. A panic in it fails this upload alone.
func (us *uploads) store(u *upload) (object api.Object, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while storing: %v\n%s", p, debug.Stack())
		}
	}()
	if k := u.stake; k != nil {
		note := func(offset int64, state []byte) error { return k.note(u.key, offset, state) }
		return us.resumer.PutFrom(u.ctx, u.key, u, u.cond, k.from.State, note)
	}
	return us.objects.Put(u.ctx, u.key, u, u.cond)
}

// find returns an upload, running or remembered.
func (us *uploads) find(id string) (*upload, error) {
	us.mu.Lock()
	defer us.mu.Unlock()
	if u := us.byID[id]; u != nil {
		return u, nil
	}
	return nil, api.Errorf(api.NotFound, "there is no upload %.40q: it was never started, or nobody went on with it; start again", id)
}

// chunk takes the data of an upload at offset. It returns false if there is no
// such upload; a chunk that does not fit makes its upload fail.
func (us *uploads) chunk(c client, id string, offset int64, data []byte) bool {
	u, err := us.find(id)
	if err != nil {
		return false
	}
	u.take(c, offset, data)
	return true
}

// finish says that all bytes have been sent, and waits until they are stored.
func (us *uploads) finish(ctx context.Context, id string) (api.Object, error) {
	u, err := us.find(id)
	if err != nil {
		return api.Object{}, err
	}
	if err := u.complete(); err != nil {
		return api.Object{}, err
	}
	return u.wait(ctx)
}

// cancel drops an upload. Nothing of it is left when cancel returns nil.
func (us *uploads) cancel(ctx context.Context, id string) error {
	u, err := us.find(id)
	if err != nil {
		return err
	}
	u.cancel()
	if _, err := u.wait(ctx); err == nil {
		return api.Errorf(api.PreconditionFailed, "%q is stored already: delete it instead", u.key)
	}
	return ctx.Err()
}

// detach tells that c has gone. Its uploads wait for another connection.
func (us *uploads) detach(c client) {
	us.mu.Lock()
	defer us.mu.Unlock()
	for _, u := range us.byID {
		u.detach(c)
	}
}

// expire drops the uploads that nobody goes on with, and forgets old outcomes.
func (us *uploads) expire() {
	us.mu.Lock()
	defer us.mu.Unlock()
	for id, u := range us.byID {
		if _, settled := u.status(); !settled.IsZero() {
			if time.Since(settled) >= us.limits.keepUpload {
				delete(us.byID, id)
			}
			continue
		}
		u.expire(us.limits)
	}
}

// shutdown makes every upload fail. Wait for running afterwards.
func (us *uploads) shutdown() {
	us.mu.Lock()
	defer us.mu.Unlock()
	us.closing = true
	for _, u := range us.byID {
		u.fail(api.Errorf(api.Unavailable, "the server is shutting down: send %q again when it is back", u.key))
	}
}

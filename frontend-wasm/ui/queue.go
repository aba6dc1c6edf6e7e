package ui

import (
	"context"
	"errors"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// maxSending is how many files are sent at the same time; the others wait.
const maxSending = 2

// uploadState is how far a chosen file is.
type uploadState int

const (
	uploadReady   uploadState = iota // chosen; its key can be changed
	uploadWaiting                    // to be sent as soon as a place is free
	uploadSending
	uploadStored
	uploadFailed // Err says why; it can be tried again
)

// upload is one chosen file.
type upload struct {
	ID      int
	Name    string // the file's own name
	Key     string // where it goes
	Size    int64
	Sent    int64
	State   uploadState
	Err     string
	Replace bool // chosen on an object's page: its key is settled

	file   app.Value
	cancel context.CancelFunc
	told   int // the quarter of the progress that was announced last
}

// editable tells whether the key may still be changed.
func (u *upload) editable() bool {
	return !u.Replace && (u.State == uploadReady || u.State == uploadFailed)
}

// busy tells whether the file waits or is being sent.
func (u *upload) busy() bool {
	return u.State == uploadWaiting || u.State == uploadSending
}

// percent is how much was sent, from 0 to 100.
func (u *upload) percent() int {
	if u.Size == 0 {
		if u.State == uploadStored {
			return 100
		}
		return 0
	}
	return int(u.Sent * 100 / u.Size)
}

// queue is the chosen files, in the order in which they were chosen.
type queue struct {
	items []*upload
	last  int
}

// add appends a file under the key.
func (q *queue) add(name, key string, size int64, file app.Value) *upload {
	q.last++
	u := &upload{ID: q.last, Name: name, Key: key, Size: size, file: file}
	q.items = append(q.items, u)
	return u
}

// get returns the upload with that id, or nil.
func (q *queue) get(id int) *upload {
	for _, u := range q.items {
		if u.ID == id {
			return u
		}
	}
	return nil
}

// remove forgets a file that is not being sent.
func (q *queue) remove(id int) {
	kept := q.items[:0]
	for _, u := range q.items {
		if u.ID != id || u.busy() {
			kept = append(kept, u)
		}
	}
	q.set(kept)
}

// removeStored forgets the files that are stored.
func (q *queue) removeStored() {
	kept := q.items[:0]
	for _, u := range q.items {
		if u.State != uploadStored {
			kept = append(kept, u)
		}
	}
	q.set(kept)
}

func (q *queue) set(kept []*upload) {
	clear(q.items[len(kept):])
	q.items = kept
}

// problem says why u cannot be sent under its key, or "".
func (q *queue) problem(u *upload) string {
	if err := api.CheckKey(u.Key); err != nil {
		return err.Error()
	}
	for _, other := range q.items {
		if other == u {
			return ""
		}
		if other.Key == u.Key && other.State != uploadStored {
			return "another file in this list goes to the same key: change one of them"
		}
	}
	return ""
}

// ask lets u wait for its turn; false when its key is not possible.
func (q *queue) ask(u *upload) bool {
	if u.busy() || u.State == uploadStored || q.problem(u) != "" {
		return false
	}
	u.State, u.Err, u.Sent, u.told = uploadWaiting, "", 0, 0
	return true
}

// next returns the file to send now and marks it so, or nil when none waits or
// enough are being sent.
func (q *queue) next() *upload {
	var first *upload
	sending := 0
	for _, u := range q.items {
		switch u.State {
		case uploadSending:
			sending++
		case uploadWaiting:
			if first == nil {
				first = u
			}
		}
	}
	if first == nil || sending >= maxSending {
		return nil
	}
	first.State = uploadSending
	return first
}

// progress notes how many bytes were sent, and returns the quarter that was
// reached by that (25, 50 or 75), or 0.
func (q *queue) progress(id int, sent int64) int {
	u := q.get(id)
	if u == nil || u.State != uploadSending || sent < u.Sent {
		return 0
	}
	u.Sent = min(sent, u.Size)
	quarter := u.percent() / 25 * 25
	if quarter <= u.told || quarter >= 100 {
		return 0
	}
	u.told = quarter
	return quarter
}

// finish notes how the upload ended. One that was cancelled is ready again.
func (q *queue) finish(id int, err error) {
	u := q.get(id)
	if u == nil {
		return
	}
	u.cancel = nil
	switch {
	case err == nil:
		u.State, u.Sent, u.file = uploadStored, u.Size, nil
	case errors.Is(err, context.Canceled):
		u.State, u.Err, u.Sent = uploadReady, "", 0
	default:
		u.State, u.Err = uploadFailed, api.AsError(err).Message
	}
}

// counts returns how many files can be started, are under way, and are stored.
func (q *queue) counts() (startable, busy, stored int) {
	for _, u := range q.items {
		switch {
		case u.busy():
			busy++
		case u.State == uploadStored:
			stored++
		default:
			startable++
		}
	}
	return startable, busy, stored
}

// shown returns at most limit of the files, those that still need something
// before those that are stored, and how many are left out.
func (q *queue) shown(limit int) (items []*upload, hidden int) {
	if len(q.items) <= limit {
		return q.items, 0
	}
	for _, stored := range []bool{false, true} {
		for _, u := range q.items {
			if (u.State == uploadStored) == stored && len(items) < limit {
				items = append(items, u)
			}
		}
	}
	return items, len(q.items) - len(items)
}

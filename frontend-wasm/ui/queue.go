package ui

import (
	"context"
	"errors"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/outbox"
	"memcache/shared/api"
)

// maxSending is how many files are sent at the same time; the others wait.
const maxSending = 2

// maxQueued is how many files the queue takes.
const maxQueued = 10_000

// uploadState is how far something in the queue is.
type uploadState int

const (
	uploadReady   uploadState = iota // chosen; its key can be changed
	uploadWaiting                    // to be sent as soon as a place is free and the server answers
	uploadSending
	uploadStored
	uploadFailed   // Err says why; it can be tried again
	uploadPaused   // the user has stopped it, and may let it go on
	uploadConflict // what it is about is not what the user saw: the user has to decide
)

// upload is one chosen file, or a deletion or renaming that waits for the
// network. Names and sizes are of files alone.
type upload struct {
	ID      int // in this page
	Kind    outbox.Kind
	Name    string // the file's own name, with its folders
	Key     string // where it goes, or what it is about
	To      string // the new key of a renaming
	Size    int64
	Sent    int64
	State   uploadState
	Err     string
	Replace bool   // chosen on an object's page: its key is settled
	IfMatch string // the ETag that the user saw
	IfNew   bool   // not in the place of an object
	Both    bool   // the user keeps both objects where the key is taken
	Photo   bool   // a photograph that can be made smaller
	Shrink  bool   // make it so before it is sent

	keptAs  string // the ID in the outbox
	token   string // see outbox.Item
	made    int64
	shared  bool
	unsaved bool // it waits, and the browser has no room to keep it
	file    app.Value
	cancel  context.CancelCauseFunc
	told    int // the quarter of the progress that was announced last
	speed   speed
}

// editable tells whether the key may still be changed.
func (u *upload) editable() bool {
	return u.Kind == outbox.Upload && !u.Replace && (u.State == uploadReady || u.State == uploadFailed)
}

// busy tells whether it waits or is being sent.
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

// conflictText says in plain words what the server refused for what it has now.
func (u *upload) conflictText() string {
	switch {
	case u.Kind == outbox.Rename:
		return tf("%s is the key of another object by now, or the one to rename was changed or deleted after you saw it.", quoted(u.To))
	case u.IfNew:
		return t("There is an object with this key already.")
	case u.Kind == outbox.Delete:
		return t("The object was changed after you saw it.")
	}
	return t("The object was changed or deleted after you saw it.")
}

// item is what the outbox keeps of it, without the file.
func (u *upload) item() outbox.Item {
	return outbox.Item{
		ID: u.keptAs, Token: u.token, Kind: u.Kind, Key: u.Key, To: u.To, Made: u.made, IfMatch: u.IfMatch, IfNew: u.IfNew,
		Name: u.Name, Size: u.Size, Asked: u.busy() || u.State == uploadConflict, Paused: u.State == uploadPaused,
		Fixed: u.Replace, Shrink: u.Shrink, Shared: u.shared,
	}
}

// restore makes an upload of what the outbox kept.
func restore(i outbox.Item, file app.Value) *upload {
	u := &upload{
		Kind: i.Kind, Name: i.Name, Key: i.Key, To: i.To, Size: i.Size, Replace: i.Fixed, IfMatch: i.IfMatch, IfNew: i.IfNew, Shrink: i.Shrink,
		keptAs: i.ID, token: i.Token, made: i.Made, shared: i.Shared, file: file,
	}
	u.Photo = i.Shrink || file != nil && shrinkable(file.Get("type").String())
	switch {
	case i.Paused:
		u.State = uploadPaused
	case i.Asked:
		u.State = uploadWaiting
	}
	return u
}

// queue is what was chosen, in that order.
type queue struct {
	items  []*upload
	last   int
	prefix string         // before the keys of all files
	taken  map[string]int // the first upload that goes to a key; nil when it has to be found anew
}

// add appends a file under the key.
func (q *queue) add(name, key string, size int64, file app.Value) *upload {
	return q.append(&upload{Kind: outbox.Upload, Name: name, Key: key, Size: size, IfNew: true, file: file})
}

func (q *queue) append(u *upload) *upload {
	q.last++
	u.ID = q.last
	q.items = append(q.items, u)
	q.taken = nil
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
	q.drop(func(u *upload) bool { return u.ID == id && !u.busy() })
}

// removeStored forgets the files that are stored.
func (q *queue) removeStored() {
	q.drop(func(u *upload) bool { return u.State == uploadStored })
}

func (q *queue) drop(gone func(*upload) bool) {
	kept := q.items[:0]
	for _, u := range q.items {
		if !gone(u) {
			kept = append(kept, u)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.taken = kept, nil
}

// ask lets u wait for its turn; false when its key is not possible.
func (q *queue) ask(u *upload) bool {
	if u.busy() || u.State == uploadStored || q.problem(u) != "" {
		return false
	}
	if u.State != uploadPaused {
		u.Sent, u.told = 0, 0
	}
	u.State, u.Err, u.speed = uploadWaiting, "", speed{}
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

// progress notes how many bytes were sent by the time at, in milliseconds, and
// returns the quarter that was reached by that (25, 50 or 75), or 0.
func (q *queue) progress(id int, sent int64, at float64) int {
	u := q.get(id)
	if u == nil || u.State != uploadSending || sent < u.Sent {
		return 0
	}
	u.Sent = min(sent, u.Size)
	u.speed.note(u.Sent, at)
	quarter := u.percent() / 25 * 25
	if quarter <= u.told || quarter >= 100 {
		return 0
	}
	u.told = quarter
	return quarter
}

// finish notes how the upload ended. One that was cancelled is ready again. As
// long as the server's answer is not known the token stays, so that what the
// server has done is not done twice.
func (q *queue) finish(id int, err error) {
	u := q.get(id)
	if u == nil {
		return
	}
	u.cancel, q.taken = nil, nil
	code := api.AsError(err)
	switch {
	case err == nil:
		u.State, u.Sent, u.file = uploadStored, u.Size, nil
		return
	case errors.Is(err, errPaused):
		u.State = uploadPaused
		return
	case errors.Is(err, errAway):
		u.State = uploadWaiting
		return
	case errors.Is(err, context.Canceled):
		u.State, u.Err, u.Sent = uploadReady, "", 0
	case code.Code == api.PreconditionFailed:
		u.State, u.Err, u.Sent = uploadConflict, u.conflictText(), 0
	default:
		u.State, u.Err = uploadFailed, failure(code)
		if code.Code == api.Unavailable {
			return
		}
	}
	u.token = newToken()
}

// errAway is why something was not sent that goes out when the server is back.
var errAway = errors.New("the server does not answer")

// tally is how many there are in each state.
type tally struct{ ready, busy, stored, failed, paused, conflicts int }

func (q *queue) tally() tally {
	var t tally
	for _, u := range q.items {
		switch u.State {
		case uploadWaiting, uploadSending:
			t.busy++
		case uploadStored:
			t.stored++
		case uploadFailed:
			t.failed++
		case uploadPaused:
			t.paused++
		case uploadConflict:
			t.conflicts++
		default:
			t.ready++
		}
	}
	return t
}

// counts returns how many files can be started, are under way, and are stored.
func (q *queue) counts() (startable, busy, stored int) {
	t := q.tally()
	return t.ready + t.failed + t.paused, t.busy, t.stored
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

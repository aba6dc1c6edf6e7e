package ui

import (
	"slices"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// undoTime is how long a deletion can be undone. The server keeps the objects a
// little longer.
const undoTime = api.UndoSeconds * time.Second

// deleteAtOnce is how many objects one request deletes: it is answered soon.
const deleteAtOnce = 100

// delete deletes objects, tells how it went and offers to undo it; gone hears
// which of them are gone. Without a server they wait in the outbox.
func (s *session) delete(keys []string, gone func(keys []string)) {
	if !s.away() {
		s.deleteOn(keys, nil, gone)
		return
	}
	var queued []string
	for _, key := range keys {
		if s.deleteLater(key, s.seen.object(key).Value.ETag) {
			queued = append(queued, key)
		}
	}
	switch {
	case len(queued) == 0:
		s.complain(t("Not deleted: the server does not answer, and this browser keeps nothing for later."))
	case len(keys) == 1:
		s.tell(tf("Queued: %s is deleted when the server answers", quoted(keys[0])))
		gone(queued)
	default:
		s.tell(tn(int64(len(queued)), "Queued: %s object is deleted when the server answers", "Queued: %s objects are deleted when the server answers"))
		gone(queued)
	}
}

// deleteOn goes on after those that are done.
func (s *session) deleteOn(keys, done []string, gone func(keys []string)) {
	now, later := keys[:min(len(keys), deleteAtOnce)], keys[min(len(keys), deleteAtOnce):]
	answer := new(api.Deleted)
	s.call(api.MethodDeleteMany, api.Keys{Keys: now}, answer, func(err error) {
		if err != nil {
			s.complain(tf("Not deleted: %s", failure(err)))
			s.deleted(done)
			return
		}
		fresh, failure := outcome(now, answer.Failed)
		for _, key := range fresh {
			_ = s.seen.forgetObject(wallNow(), key)
		}
		gone(fresh)
		if failure != "" {
			s.complain(tf("Not deleted: %s", failure))
		}
		if done = append(done, fresh...); len(later) > 0 {
			s.deleteOn(later, done, gone)
			return
		}
		s.deleted(done)
	})
}

// outcome returns which of the keys are gone, and what went wrong with another.
// One that was not there is gone.
func outcome(keys []string, failed []api.KeyFailed) (gone []string, problem string) {
	gone = slices.Clone(keys)
	for _, f := range failed {
		if f.Error == nil || f.Error.Code == api.NotFound {
			continue
		}
		gone = slices.DeleteFunc(gone, func(key string) bool { return key == f.Key })
		problem = failure(f.Error)
	}
	return gone, problem
}

// deleted tells what was deleted, and lets that be undone for a while.
func (s *session) deleted(keys []string) {
	if len(keys) == 0 {
		return
	}
	text := tn(int64(len(keys)), "Deleted %s object", "Deleted %s objects")
	if len(keys) == 1 {
		text = tf("Deleted %s", quoted(keys[0]))
	}
	s.undo = keys
	id := s.addToast(toast{Text: text, Action: t("Undo"), do: s.undoLast}, undoTime)
	s.ctx.After(undoTime, func(app.Context) {
		if s.lastUndo == id {
			s.undo = nil
		}
	})
	s.lastUndo = id
}

// undoLast brings back what was deleted last.
func (s *session) undoLast() {
	keys := s.undo
	if len(keys) == 0 {
		return
	}
	s.undo = nil
	s.dropToast(s.lastUndo)
	for part := range slices.Chunk(keys, deleteAtOnce) {
		answer := new(api.Stored)
		s.call(api.MethodRestore, api.Keys{Keys: part}, answer, func(err error) {
			switch {
			case err != nil:
				s.complain(tf("Not brought back: %s", failure(err)))
			case len(answer.Failed) > 0:
				s.complain(tf("Not brought back: %s", failure(answer.Failed[0].Error)))
			default:
				s.tell(tn(int64(len(answer.Objects)), "%s object is back", "%s objects are back"))
			}
		})
	}
}

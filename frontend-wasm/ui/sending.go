package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/outbox"
	"memcache/shared/api"
)

// addFile takes one file of the browser into the queue. name has its folders.
func (s *session) addFile(name string, f app.Value) bool {
	if len(s.uploads.items) >= maxQueued {
		return false
	}
	u := s.uploads.add(name, s.uploads.prefix+name, int64(f.Get("size").Float()), f)
	u.Photo = shrinkable(f.Get("type").String())
	u.Shrink = s.shrink && u.Photo
	s.save(u, true)
	return true
}

// addFiles takes a FileList of the browser into the queue.
func (s *session) addFiles(files app.Value) {
	for i := range files.Get("length").Int() {
		f := files.Index(i)
		name := f.Get("name").String()
		if folder := f.Get("webkitRelativePath"); folder.Truthy() { // of an input for folders
			name = folder.String()
		}
		if !s.addFile(name, f) {
			s.tooMany()
			break
		}
	}
	s.notify(changeUploads, nil)
}

func (s *session) tooMany() {
	s.complain(tf("%s files are in the list, which is as many as it takes: upload these, then add the others.", count(maxQueued)))
}

// replace sends a file to the key of an object that exists, at once. etag is that
// of the object as the user sees it.
func (s *session) replace(key, etag string, file app.Value) {
	u := s.uploads.add(file.Get("name").String(), key, int64(file.Get("size").Float()), file)
	u.Replace, u.IfNew, u.IfMatch = true, false, etag
	s.save(u, true)
	s.upload(u)
}

// later lets a deletion or a renaming wait for the network. It reports false when
// this browser keeps nothing.
func (s *session) later(u *upload) bool {
	if s.noOutbox {
		return false
	}
	s.uploads.append(u)
	u.State = uploadWaiting
	s.save(u, false)
	s.pump()
	return true
}

// deleteLater lets the deletion of an object wait for the network; etag is that of
// the object as the user saw it, or "".
func (s *session) deleteLater(key, etag string) bool {
	return s.later(&upload{Kind: outbox.Delete, Key: key, IfMatch: etag})
}

// renameLater does so with a renaming.
func (s *session) renameLater(key, to, etag string) bool {
	return s.later(&upload{Kind: outbox.Rename, Key: key, To: to, IfMatch: etag, IfNew: true})
}

// upload sends u as soon as its turn comes.
func (s *session) upload(u *upload) {
	s.askFor(u)
	s.pump()
}

func (s *session) askFor(u *upload) {
	if s.uploads.ask(u) {
		s.save(u, false)
	}
}

// uploadAll sends all that is in one of the states.
func (s *session) uploadAll(states ...uploadState) {
	for _, u := range s.uploads.items {
		for _, state := range states {
			if u.State == state {
				s.askFor(u)
			}
		}
	}
	s.pump()
}

// pump sends the next ones while there are free places and the server answers.
func (s *session) pump() {
	if s.live() && s.may(api.ScopeWrite) { // else they wait for somebody who may
		for u := s.uploads.next(); u != nil; u = s.uploads.next() {
			s.send(u)
		}
	}
	s.notify(changeUploads, nil)
}

func (s *session) send(u *upload) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	u.cancel = cancel
	id, job := u.ID, *u
	go func() {
		defer cancel(nil)
		err := s.perform(ctx, &job)
		if ctx.Err() != nil && err != nil {
			err = context.Canceled
			if errors.Is(context.Cause(ctx), errPaused) {
				err = errPaused
			}
		}
		s.ended(id, err)
	}()
}

func (s *session) ended(id int, err error) {
	s.box.put(func(n *news) { n.finished = append(n.finished, finished{id, err}) })
}

// perform does what the job asks for. It runs apart from the UI.
func (s *session) perform(ctx context.Context, job *upload) error {
	switch job.Kind {
	case outbox.Delete:
		return s.request(ctx, job, "DELETE", api.ObjectsPath+"?key="+url.QueryEscape(job.Key), nil)
	case outbox.Rename:
		return s.request(ctx, job, "POST", api.Base+"/objects/rename", api.Transfer{From: job.Key, To: job.To, Replace: !job.IfNew, IfMatch: job.IfMatch})
	}
	file, shrunk := job.file, false
	if job.Shrink {
		file, shrunk = shrink(ctx, file)
	}
	if shrunk {
		size := int64(file.Get("size").Float())
		s.box.put(func(n *news) { n.addShrunk(job.ID, size) })
	}
	return s.client.Upload(ctx, sending{Token: job.token, Key: job.Key, Cond: api.Condition{IfMatch: job.IfMatch, IfNew: job.IfNew}}, file, s.progressOf(job.ID))
}

// progressEvery is how often the progress of an upload is drawn: what that takes
// is taken from the sending.
const progressEvery = 200 * time.Millisecond

// progressOf returns what an upload tells how far it is.
func (s *session) progressOf(id int) func(sent, size int64) {
	var told time.Time
	return func(sent, size int64) {
		if at := time.Now(); sent >= size || at.Sub(told) >= progressEvery {
			told = at
			s.box.put(func(n *news) { n.addProgress(id, sent) })
		}
	}
}

// request asks over HTTP for what a job wants. An object that is to be deleted and
// is gone already is as the user wants it.
func (s *session) request(ctx context.Context, job *upload, method, path string, body any) error {
	headers := map[string]any{"Idempotency-Key": job.token}
	if job.IfMatch != "" && job.Kind == outbox.Delete {
		headers["If-Match"] = job.IfMatch
	}
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body) // of such types it never fails
	}
	status, answer, err := send(ctx, method, path, headers, string(text))
	switch {
	case err != nil:
		return errAway
	case status < 300, status == 404 && job.Kind == outbox.Delete:
		return nil
	}
	var problem struct {
		Code   api.Code `json:"code"`
		Detail string   `json:"detail"`
	}
	if json.Unmarshal(answer, &problem) != nil || problem.Code == "" {
		return errAway // not from our server: a proxy's, while it is away
	}
	return api.Errorf(problem.Code, "%s", problem.Detail)
}

// sending is what the client is told of an upload.
type sending struct {
	Token string
	Key   string
	Cond  api.Condition
}

// cancelUpload stops an upload; it can be started again. A deletion or renaming
// that waits is forgotten.
func (s *session) cancelUpload(u *upload) {
	switch {
	case u.cancel != nil:
		u.cancel(nil)
	case u.Kind != outbox.Upload:
		s.forget(u)
	case u.State == uploadWaiting:
		u.State, u.token = uploadReady, newToken()
		s.save(u, false)
	}
	s.notify(changeUploads, nil)
}

// pauseUpload stops an upload for now; what was sent of it stays at the server
// for some minutes.
func (s *session) pauseUpload(u *upload) {
	switch {
	case u.cancel != nil:
		u.cancel(errPaused)
	case u.State == uploadWaiting:
		u.State = uploadPaused
		s.save(u, false)
	}
	s.notify(changeUploads, nil)
}

// forget takes u out of the queue.
func (s *session) forget(u *upload) {
	s.uploads.drop(func(other *upload) bool { return other == u })
	s.saver.remove(u.keptAs)
	s.notify(changeUploads, nil)
}

// resolve does the same with all uploads whose key is taken.
func (s *session) resolve(c remedy) {
	for _, u := range s.uploads.conflicts() {
		s.resolveOne(u, c)
	}
	s.pump()
}

func (s *session) resolveOne(u *upload, c remedy) {
	s.uploads.resolve(u, c)
	if c == remedySkip {
		s.saver.remove(u.keptAs)
		return
	}
	s.save(u, false)
}

// takeProgress notes how far the uploads are and says it aloud.
func (s *session) takeProgress(n *news) {
	for id, size := range n.shrunk {
		if u := s.uploads.get(id); u != nil {
			u.Size = size
		}
	}
	at := now()
	for id, sent := range n.progress {
		if quarter := s.uploads.progress(id, sent, at); quarter > 0 {
			s.say(tf("%s: %d %% sent", s.uploads.get(id).title(), quarter))
		}
	}
	for _, f := range n.finished {
		s.uploads.finish(f.id, f.err)
		if u := s.uploads.get(f.id); u != nil {
			s.finished(u)
		}
	}
	if len(n.finished) > 0 {
		s.pump()
	}
}

// finished keeps how far u is now, and says it aloud.
func (s *session) finished(u *upload) {
	if u.State == uploadStored {
		s.saver.remove(u.keptAs)
	} else {
		s.save(u, false)
	}
	switch u.State {
	case uploadStored:
		s.done(u)
	case uploadFailed:
		s.say(tf("%s: failed: %s", u.title(), u.Err))
	case uploadConflict:
		if u.Both { // the user has said what to do
			s.resolveOne(u, remedyBoth)
			return
		}
		s.say(tf("%s: %s", u.title(), u.Err))
	}
}

func (s *session) done(u *upload) {
	switch u.Kind {
	case outbox.Delete:
		s.forget(u)
		_ = s.seen.forgetObject(wallNow(), u.Key)
		s.tell(tf("Deleted %s", quoted(u.Key)))
	case outbox.Rename:
		s.forget(u)
		_ = s.seen.forgetObject(wallNow(), u.Key)
		s.tell(tf("Renamed %s to %s", quoted(u.Key), quoted(u.To)))
	default:
		s.say(tf("%s is stored as %s", u.Name, quoted(u.Key)))
	}
}

// shrinkable tells whether files of the media type are photographs that can be
// made smaller.
func shrinkable(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	return base == "image/jpeg" || base == "image/webp"
}

// listenToBrowser follows the network, files that are dropped or pasted, and the
// closing of the page while files would be lost by it.
func (s *session) listenToBrowser() {
	w := app.Window()
	if online := w.Get("navigator").Get("onLine"); !online.IsUndefined() && !online.IsNull() {
		s.network = online.Bool()
	}
	network := func(on bool) func(app.Value) {
		return func(app.Value) {
			s.ctx.Dispatch(func(app.Context) {
				s.network = on
				s.notify(changeConn, nil)
			})
			if on {
				s.client.Retry()
			}
		}
	}
	listen(w, "online", network(true))
	listen(w, "offline", network(false))
	listen(w.Get("document"), "visibilitychange", func(app.Value) {
		if !w.Get("document").Get("hidden").Truthy() {
			s.client.Retry()
			s.ctx.Dispatch(func(app.Context) { s.adopt() })
		}
	})
	listen(w, "beforeunload", func(e app.Value) {
		if s.losable() {
			e.Call("preventDefault")
		}
	})
	s.listenToDrags()
	s.listenToPaste()
	s.listenToList()
}

// losable tells whether something that waits would be lost with the page.
func (s *session) losable() bool {
	if s.saver.busy() {
		return true
	}
	for _, u := range s.uploads.items {
		if u.busy() && (s.outbox == nil || u.unsaved) {
			return true
		}
	}
	return false
}

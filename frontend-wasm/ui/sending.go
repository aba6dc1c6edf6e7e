package ui

import (
	"context"
	"fmt"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// addFiles takes a FileList of the browser into the queue.
func (s *session) addFiles(files app.Value) {
	for i := range files.Get("length").Int() {
		f := files.Index(i)
		name := f.Get("name").String()
		s.uploads.add(name, name, int64(f.Get("size").Float()), f)
	}
	s.notify(changeUploads, nil)
}

// replace sends a file to the key of an object that exists, at once.
func (s *session) replace(key string, file app.Value) {
	u := s.uploads.add(file.Get("name").String(), key, int64(file.Get("size").Float()), file)
	u.Replace = true
	s.upload(u)
}

// upload sends u as soon as its turn comes.
func (s *session) upload(u *upload) {
	s.uploads.ask(u)
	s.pump()
}

// uploadAll sends all that can be sent.
func (s *session) uploadAll() {
	for _, u := range s.uploads.items {
		s.uploads.ask(u)
	}
	s.pump()
}

// pump sends the next ones while there are free places.
func (s *session) pump() {
	for u := s.uploads.next(); u != nil; u = s.uploads.next() {
		s.send(u)
	}
	s.notify(changeUploads, nil)
}

func (s *session) send(u *upload) {
	ctx, cancel := context.WithCancel(s.ctx)
	u.cancel = cancel
	id, key, file := u.ID, u.Key, u.file
	go func() {
		defer cancel()
		err := s.client.Upload(ctx, key, file, func(sent, _ int64) {
			s.box.put(func(n *news) { n.addProgress(id, sent) })
		})
		if ctx.Err() != nil && err != nil {
			err = context.Canceled
		}
		s.box.put(func(n *news) { n.finished = append(n.finished, finished{id, err}) })
	}()
}

// cancelUpload stops an upload; it can be started again.
func (s *session) cancelUpload(u *upload) {
	switch {
	case u.State == uploadWaiting:
		u.State = uploadReady
	case u.cancel != nil:
		u.cancel()
	}
	s.notify(changeUploads, nil)
}

// takeProgress notes how far the uploads are and says it aloud.
func (s *session) takeProgress(n *news) {
	for id, sent := range n.progress {
		if quarter := s.uploads.progress(id, sent); quarter > 0 {
			s.say(fmt.Sprintf("%s: %d %% sent", s.uploads.get(id).Name, quarter))
		}
	}
	for _, f := range n.finished {
		s.uploads.finish(f.id, f.err)
		u := s.uploads.get(f.id)
		switch {
		case u == nil:
		case u.State == uploadStored:
			s.say(fmt.Sprintf("%s is stored as %s", u.Name, quoted(u.Key)))
		case u.State == uploadFailed:
			s.say(fmt.Sprintf("%s was not stored: %s", u.Name, u.Err))
		}
	}
	if len(n.finished) > 0 {
		s.pump()
	}
}

// listenToBrowser follows the network, the dragging of files over the window,
// and the closing of the page while files are being sent.
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
		}
	})
	listen(w, "beforeunload", func(e app.Value) {
		if _, busy, _ := s.uploads.counts(); busy > 0 {
			e.Call("preventDefault")
		}
	})
	s.listenToDrags()
}

// listenToDrags makes the whole window a place to drop files on. The highlight
// is a class on the root element, so that nothing is drawn anew for it.
func (s *session) listenToDrags() {
	w := app.Window()
	highlight := func(on bool) {
		w.Get("document").Get("documentElement").Get("classList").Call("toggle", "dragging", on)
	}
	withFiles := func(e app.Value) bool {
		data := e.Get("dataTransfer")
		return data.Truthy() && data.Get("types").Call("includes", "Files").Bool()
	}
	over := func(e app.Value) {
		if withFiles(e) {
			e.Call("preventDefault")
			e.Get("dataTransfer").Set("dropEffect", "copy")
			highlight(true)
		}
	}
	listen(w, "dragenter", over)
	listen(w, "dragover", over)
	listen(w, "dragleave", func(e app.Value) {
		if !e.Get("relatedTarget").Truthy() {
			highlight(false)
		}
	})
	listen(w, "drop", func(e app.Value) {
		highlight(false)
		if !withFiles(e) {
			return
		}
		e.Call("preventDefault")
		files := e.Get("dataTransfer").Get("files")
		s.ctx.Dispatch(func(ctx app.Context) {
			s.addFiles(files)
			if ctx.Page().URL().Path != pathObjects {
				ctx.Navigate(pathObjects)
			}
		})
	})
}

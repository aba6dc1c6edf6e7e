package ui

import (
	"context"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// listenToDrags makes the whole window a place to drop files and folders on. The
// highlight is a class on the root element, so that nothing is drawn anew for it.
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
			effect := "copy"
			if !s.takesFiles() {
				effect = "none"
			}
			e.Get("dataTransfer").Set("dropEffect", effect)
			highlight(effect == "copy")
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
		if withFiles(e) {
			e.Call("preventDefault")
			s.dropped(e.Get("dataTransfer"))
		}
	})
}

// takesFiles tells whether files can be dropped: to be stored, or as a trace.
func (s *session) takesFiles() bool { return s.openTrace != nil || s.may(api.ScopeWrite) }

// dropped takes what was dropped. Folders have to be asked for at once: the
// browser forgets them when the event is over.
func (s *session) dropped(data app.Value) {
	var entries []app.Value
	items, files := data.Get("items"), data.Get("files")
	if s.openTrace != nil && files.Get("length").Int() > 0 {
		s.ctx.Dispatch(func(app.Context) { s.openTrace(files.Index(0)) })
		return
	}
	if !s.takesFiles() {
		s.ctx.Dispatch(func(app.Context) { s.forbidden(api.ScopeWrite) })
		return
	}
	for i := range items.Get("length").Int() {
		if get := items.Index(i).Get("webkitGetAsEntry"); !get.Truthy() {
			break
		}
		if entry := items.Index(i).Call("webkitGetAsEntry"); entry.Truthy() && entry.Get("isDirectory").Bool() {
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		s.ctx.Dispatch(func(ctx app.Context) {
			s.addFiles(files)
			s.showQueue(ctx)
		})
		return
	}
	for i := range items.Get("length").Int() {
		if entry := items.Index(i).Call("webkitGetAsEntry"); entry.Truthy() && entry.Get("isFile").Bool() {
			entries = append(entries, entry)
		}
	}
	go s.walk(entries)
}

// showQueue goes to where the chosen files are.
func (s *session) showQueue(ctx app.Context) {
	if ctx.Page().URL().Path != pathObjects {
		ctx.Navigate(pathObjects)
	}
}

// found is a file of a folder, with its path in it.
type found struct {
	name string
	file app.Value
}

// walk adds the files of folders, those below them included, some at a time.
func (s *session) walk(entries []app.Value) {
	const some = 200
	var batch []found
	flush := func() bool {
		files, full := batch, make(chan bool, 1)
		batch = nil
		s.ctx.Dispatch(func(ctx app.Context) {
			ok := true
			for _, f := range files {
				if ok = s.addFile(f.name, f.file); !ok {
					s.tooMany()
					break
				}
			}
			s.showQueue(ctx)
			s.notify(changeUploads, nil)
			full <- !ok
		})
		return <-full
	}
	for len(entries) > 0 {
		entry := entries[0]
		entries = entries[1:]
		if entry.Get("isDirectory").Bool() {
			entries = append(readFolder(s.ctx, entry), entries...)
			continue
		}
		file, err := await(s.ctx, promise(func(done, failed app.Value) { entry.Call("file", done, failed) }))
		if err != nil {
			s.ctx.Dispatch(func(app.Context) { s.complain(tf("%s cannot be read: %s", entry.Get("name").String(), err.Error())) })
			continue
		}
		path := entry.Get("fullPath").String()
		batch = append(batch, found{path[min(1, len(path)):], file})
		if len(batch) >= some && flush() {
			return
		}
	}
	flush()
}

// readFolder returns what is in a folder; the browser tells it in parts.
func readFolder(ctx context.Context, folder app.Value) []app.Value {
	var entries []app.Value
	reader := folder.Call("createReader")
	for {
		part, err := await(ctx, promise(func(done, failed app.Value) { reader.Call("readEntries", done, failed) }))
		if err != nil || part.Get("length").Int() == 0 {
			return entries
		}
		for i := range part.Get("length").Int() {
			entries = append(entries, part.Index(i))
		}
	}
}

// promise makes a promise of a function that takes two callbacks.
func promise(start func(done, failed app.Value)) app.Value {
	run := app.FuncOf(func(_ app.Value, args []app.Value) any {
		start(args[0], args[1])
		return nil
	})
	defer run.Release() // it is called at once
	return app.Window().Get("Promise").New(run)
}

// listenToPaste takes pasted files. Pictures from the clipboard all have the same
// name: they get the time instead.
func (s *session) listenToPaste() {
	listen(app.Window().Get("document"), "paste", func(e app.Value) {
		data := e.Get("clipboardData")
		if !data.Truthy() || data.Get("files").Get("length").Int() == 0 {
			return
		}
		e.Call("preventDefault")
		files := data.Get("files")
		s.ctx.Dispatch(func(ctx app.Context) {
			if s.forbidden(api.ScopeWrite) {
				return
			}
			for i := range files.Get("length").Int() {
				f := files.Index(i)
				if !s.addFile(pastedName(f.Get("name").String(), i, time.UnixMilli(wallNow())), f) {
					s.tooMany()
					break
				}
			}
			s.showQueue(ctx)
			s.notify(changeUploads, nil)
		})
	})
}

package ui

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/outbox"
)

// box is the outbox of this tab.
type box interface {
	Put(ctx context.Context, item outbox.Item) error
	Remove(ctx context.Context, id string) error
	Adopt(ctx context.Context) ([]outbox.Item, error)
}

// saver writes to the outbox in the background, one thing after the other. Of
// what is not yet written for an item only the newest counts.
type saver struct {
	failed func(id string, err error) // called on any goroutine

	mu      sync.Mutex
	box     box
	off     bool // there is no outbox
	pending map[string]*outbox.Item
	order   []string
	running bool
}

// open lets what waits be written to b; nil means that there is no outbox.
func (s *saver) open(b box) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.box, s.off = b, b == nil
	if s.off {
		s.pending, s.order = nil, nil
	}
	s.run()
}

// put keeps an item.
func (s *saver) put(item outbox.Item) { s.change(item.ID, &item) }

// remove forgets an item.
func (s *saver) remove(id string) { s.change(id, nil) }

func (s *saver) change(id string, item *outbox.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return
	}
	if s.pending == nil {
		s.pending = make(map[string]*outbox.Item)
	}
	before, waits := s.pending[id]
	if !waits {
		s.order = append(s.order, id)
	}
	if item != nil && item.File == nil && before != nil {
		item.File = before.File
	}
	s.pending[id] = item
	s.run()
}

// busy tells whether something is still to be written.
func (s *saver) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// run begins to write if nobody does; the lock is held.
func (s *saver) run() {
	if s.box == nil || s.running || len(s.order) == 0 {
		return
	}
	s.running = true
	go s.write(s.box)
}

func (s *saver) write(b box) {
	for {
		s.mu.Lock()
		if len(s.order) == 0 {
			s.running = false
			s.mu.Unlock()
			return
		}
		id := s.order[0]
		item := s.pending[id]
		s.order = s.order[1:]
		delete(s.pending, id)
		s.mu.Unlock()
		if err := writeOne(b, id, item); err != nil && item != nil {
			s.failed(id, err)
		}
	}
}

// saveWithin is how long the browser may take to keep a large file.
const saveWithin = 10 * time.Minute

func writeOne(b box, id string, item *outbox.Item) error {
	ctx, cancel := context.WithTimeout(context.Background(), saveWithin)
	defer cancel()
	if item == nil {
		return b.Remove(ctx, id)
	}
	return b.Put(ctx, *item)
}

// save keeps u as it is now; the file only the first time.
func (s *session) save(u *upload, withFile bool) {
	if u.keptAs == "" {
		u.keptAs, u.token, u.made = newToken(), newToken(), wallNow()
	}
	item := u.item()
	if withFile && u.file != nil {
		item.File = u.file
	}
	s.saver.put(item)
}

// openOutbox opens the outbox and takes what was left in it.
func (s *session) openOutbox() {
	if shareFailed(s.ctx) {
		s.complain(t("What was shared could not be kept: this browser has no room for it. Add the files here instead."))
	}
	s.saver.failed = func(id string, err error) {
		s.ctx.Dispatch(func(app.Context) { s.notKept(id, err) })
	}
	go func() {
		b, err := openBox(s.ctx)
		s.ctx.Dispatch(func(app.Context) {
			if err != nil {
				s.noOutbox = true
				s.saver.open(nil)
				s.notify(changeUploads, nil)
				return
			}
			s.outbox = b
			s.saver.open(b)
			s.adopt()
		})
	}()
}

// shareFailed tells whether the address says that the service worker could not
// keep what was shared with the app.
func shareFailed(ctx app.Context) bool { return pageQuery(ctx).Get("shared") == "failed" }

// adopt takes what tabs that are gone have left to be sent.
func (s *session) adopt() {
	if s.outbox == nil || s.adopting {
		return
	}
	s.adopting = true
	go func() {
		items, err := s.outbox.Adopt(s.ctx)
		s.ctx.Dispatch(func(app.Context) {
			s.adopting = false
			if err == nil { // else the next time
				s.takeOver(items)
			}
		})
	}()
}

func (s *session) takeOver(items []outbox.Item) {
	for _, item := range items {
		file, _ := item.File.(app.Value)
		u := s.uploads.append(restore(item, file))
		if u.shared && installed() && u.State == uploadReady {
			s.uploads.ask(u)
			s.save(u, false)
		}
	}
	if len(items) > 0 {
		s.pump()
	}
}

// notKept tells that the browser does not keep something for later. What cannot be
// sent now either is refused; the rest goes on from memory.
func (s *session) notKept(id string, err error) {
	for _, u := range s.uploads.items {
		if u.keptAs != id || u.State == uploadStored {
			continue
		}
		u.unsaved = true
		why := t("the browser does not keep it")
		if errors.Is(err, outbox.ErrFull) {
			why = t("this browser has no room for it: free some space, or send it when the server answers")
		}
		if s.live() || u.State == uploadSending {
			s.complain(tf("%s is sent, but would be lost if you closed this page: %s.", quoted(u.title()), why))
		} else {
			s.uploads.drop(func(other *upload) bool { return other == u })
			s.complain(tf("%s cannot wait for the network: %s.", quoted(u.title()), why))
		}
		s.notify(changeUploads, nil)
		return
	}
}

// title is what people call it.
func (u *upload) title() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Key
}

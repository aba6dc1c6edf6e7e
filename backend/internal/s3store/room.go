package s3store

import (
	"context"
	"sync"

	"memcache/shared/api"
)

// room counts the bytes of the blobs against the limit of [Config], those that are
// being written by this process included. What other processes write counts from
// the next time that all is listed, which each sweep does.
type room struct {
	max int64 // 0: no limit, and nothing is counted

	mu     sync.Mutex
	kept   int64 // in blobs
	coming int64 // in what is being written
}

func (r *room) take(n int64) error {
	if r.max == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept+r.coming+n > r.max {
		return api.Errorf(api.Full, "the store is full: its limit is %s (-max-store); delete something, which frees its room within about two hours", api.FormatBytes(r.max))
	}
	r.coming += n
	return nil
}

func (r *room) isFull() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.max > 0 && r.kept+r.coming >= r.max
}

// move counts n bytes of what was coming as kept, or as nothing.
func (r *room) move(coming, kept int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.coming += coming
	r.kept += kept
}

// taken is the room that one write has taken.
type taken struct {
	room  *room
	bytes int64
}

func (t *taken) take(n int64) error {
	err := t.room.take(n)
	if err == nil && t.room.max > 0 {
		t.bytes += n
	}
	return err
}

// keep makes it the room of a blob, in the place of one that had before bytes.
func (t *taken) keep(before int64) {
	t.room.move(-t.bytes, t.bytes-before)
	t.bytes = 0
}

// giveBack gives back what no blob has become of.
func (t *taken) giveBack() {
	t.room.move(-t.bytes, 0)
	t.bytes = 0
}

// counting counts what a listing of all blobs gives.
type counting struct {
	room          *room
	before, bytes int64
}

func (r *room) beginCount() *counting {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &counting{room: r, before: r.kept}
}

// end corrects the room; what came or went meanwhile counts on top.
func (c *counting) end() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if c.room.max > 0 {
		c.room.kept += c.bytes - c.before
	}
}

// count counts what is there when the store is opened.
func (s *Store) count(ctx context.Context) error {
	if s.room.max == 0 {
		return nil
	}
	c := s.room.beginCount()
	err := s.each(ctx, func(_ string, e entry) error {
		c.bytes += e.size
		return nil
	})
	if err == nil {
		c.end()
	}
	return err
}

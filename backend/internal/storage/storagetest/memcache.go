package storagetest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"memcache/backend/internal/storage"
)

// MemCache is a [storage.Cache], and its node, in this process, for tests of what stands above
// a cache. Its zero value is empty and takes items up to 1 MiB. It forgets
// nothing by itself: neither leases nor holds expire.
type MemCache struct {
	mu      sync.Mutex
	last    uint64
	entries map[string]entry
}

// entry is a value, a lease (with a nil value), or a hold.
type entry struct {
	value []byte
	lease uint64
	held  bool
	since time.Time
	read  bool
}

var (
	_ storage.Cache     = (*MemCache)(nil)
	_ storage.CacheNode = (*MemCache)(nil)
)

// Node is the MemCache itself: all nodes are one.
func (c *MemCache) Node(string) storage.CacheNode { return c }

// Use does nothing.
func (c *MemCache) Use([]string) {}

func (c *MemCache) put(key string, e entry) {
	if c.entries == nil {
		c.entries = make(map[string]entry)
	}
	c.entries[key] = e
}

// Get looks key up.
func (c *MemCache) Get(ctx context.Context, key string) (storage.Lookup, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return storage.Lookup{}, err
	}
	e, ok := c.entries[key]
	switch {
	case !ok:
		c.last++
		c.put(key, entry{lease: c.last})
		return storage.Lookup{Lease: c.last}, nil
	case e.value == nil:
		return storage.Lookup{Held: e.held}, nil
	}
	e.read = true
	c.put(key, e)
	// The copy is spoilt when it is given back, as pooled memory would be.
	value := bytes.Clone(e.value)
	return storage.Lookup{Value: value, Release: func() { clear(value) }}, nil
}

// Fill stores a value under a lease.
func (c *MemCache) Fill(ctx context.Context, key string, lease uint64, head, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if int64(len(head)+len(body)) > c.MaxItem() {
		return errors.New("the item is too large")
	}
	if lease == 0 || c.entries[key].lease != lease {
		return storage.ErrLeaseLost
	}
	c.put(key, entry{value: append(bytes.Clone(head), body...), since: time.Now().Truncate(time.Second)})
	return nil
}

// Release gives a lease up.
func (c *MemCache) Release(ctx context.Context, key string, lease uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if lease != 0 && c.entries[key].lease == lease {
		delete(c.entries, key)
	}
	return ctx.Err()
}

// Hold keeps key empty until Delete.
func (c *MemCache) Hold(ctx context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, entry{held: true})
	return ctx.Err()
}

// Delete forgets key.
func (c *MemCache) Delete(ctx context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
	return ctx.Err()
}

// Drop forgets key unless it is held.
func (c *MemCache) Drop(ctx context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.entries[key].held {
		delete(c.entries, key)
	}
	return ctx.Err()
}

// Clear forgets everything.
func (c *MemCache) Clear(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	return ctx.Err()
}

// Describe tells what is known of key's value.
func (c *MemCache) Describe(ctx context.Context, key string) (storage.Cached, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if err := ctx.Err(); err != nil || e.value == nil {
		return storage.Cached{}, err
	}
	return storage.Cached{Found: true, Since: e.since, Read: e.read, Bytes: int64(len(e.value))}, nil
}

// MaxItem is 1 MiB.
func (c *MemCache) MaxItem() int64 { return 1 << 20 }

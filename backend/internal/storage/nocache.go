package storage

import "context"

// NoCache is the [Cache] of a backend that has none, and its node. Nothing is ever cached in
// it, so deletions are always true.
type NoCache struct{}

// Node is NoCache.
func (NoCache) Node(string) CacheNode { return NoCache{} }

// Use does nothing.
func (NoCache) Use([]string) {}

// Get fails with [ErrNoCache].
func (NoCache) Get(context.Context, string) (Lookup, error) { return Lookup{}, ErrNoCache }

// Fill fails: NoCache gives no leases.
func (NoCache) Fill(context.Context, string, uint64, []byte, []byte) error { return ErrLeaseLost }

// Release does nothing.
func (NoCache) Release(context.Context, string, uint64) error { return nil }

// Hold does nothing.
func (NoCache) Hold(context.Context, string) error { return nil }

// Delete does nothing.
func (NoCache) Delete(context.Context, string) error { return nil }

// Drop does nothing.
func (NoCache) Drop(context.Context, string) error { return nil }

// Clear does nothing.
func (NoCache) Clear(context.Context) error { return nil }

// Describe fails with [ErrNoCache].
func (NoCache) Describe(context.Context, string) (Cached, error) { return Cached{}, ErrNoCache }

// MaxItem is 0.
func (NoCache) MaxItem() int64 { return 0 }

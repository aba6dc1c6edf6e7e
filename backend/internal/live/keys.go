package live

import (
	"context"

	"memcache/shared/api"
)

// keys answers the keys that stand out now; run adds the client to the watchers.
func (h *Hub) keys(ctx context.Context, _ *conn, _ api.Empty) (any, error) {
	return h.config.Stats.Keys(ctx), nil
}

func (h *Hub) noKeys(_ context.Context, c *conn, _ api.Empty) (any, error) {
	c.keys.Store(false)
	return api.Empty{}, nil
}

// KeysWatched tells whether any client watches the keys that stand out.
func (h *Hub) KeysWatched() (some bool) {
	h.each(func(c *conn) { some = some || c.keys.Load() })
	return some
}

// Keys sends the keys that stand out to those who watch them. Of a client that is
// behind, it replaces those that still wait.
func (h *Hub) Keys(keys api.CacheKeys) {
	h.tell(api.NoteKeys, keys, func(c *conn) bool { return c.keys.Load() })
}

package server

import (
	"fmt"
	"log/slog"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

// admin carries out the commands about the server itself.
func (c *conn) admin() error {
	switch c.req.Command {
	case memproto.FlushAll:
		return c.flushAll()
	case memproto.Stats:
		return c.stats()
	case memproto.Version:
		return c.out.line("VERSION " + c.s.Version)
	case memproto.Verbosity:
		return c.verbosity()
	case memproto.Shutdown:
		return c.shutdown()
	case memproto.CacheMemlimit:
		return c.memlimit()
	case memproto.CachePolicy:
		return c.policy()
	case memproto.CacheRecord:
		return c.record()
	default:
		return errQuit
	}
}

func (c *conn) flushAll() error {
	exptime := c.req.Exptime
	return c.aside(func() string {
		if err := c.s.Store.FlushAll(exptime); err != nil {
			c.s.Log.Error("the memory of what was flushed cannot be given back", "error", err)
		}
		return "OK"
	})
}

func (c *conn) verbosity() error {
	if c.s.Level != nil {
		level := slog.LevelInfo
		if c.req.Number > 0 {
			level = slog.LevelDebug
		}
		c.s.Level.Set(level)
	}
	return c.reply("OK")
}

func (c *conn) memlimit() error {
	const mb = 1 << 20
	switch n := c.req.Number; {
	case n < store.MinCapacity/mb:
		return c.reply(fmt.Sprintf("MEMLIMIT_TOO_SMALL cannot set maxbytes to less than %dm", store.MinCapacity/mb))
	case n > store.MaxCapacity/mb:
		return c.reply(fmt.Sprintf("MEMLIMIT_TOO_LARGE cannot set maxbytes to more than %dm", store.MaxCapacity/mb))
	default:
		return c.aside(func() string {
			if err := c.s.Store.SetCapacity(n * mb); err != nil {
				c.s.Log.Error("the capacity cannot be changed as asked", "mb", n, "error", err)
				return "MEMLIMIT_ADJUST_FAILED see the log of the cache"
			}
			return "OK"
		})
	}
}

func (c *conn) policy() error {
	if len(c.req.Arg) == 0 {
		return c.out.line("POLICY " + c.s.Store.Stats().Policy)
	}
	name := string(c.req.Arg)
	return c.aside(func() string {
		if err := c.s.Store.SetPolicy(name); err != nil {
			return "CLIENT_ERROR " + err.Error()
		}
		return "OK"
	})
}

// shutdown ends the server, where that is allowed. As in memcached there is no
// answer: the connection is closed, and soon all others are.
func (c *conn) shutdown() error {
	if c.s.Shutdown == nil {
		return c.out.line("ERROR: shutdown not enabled")
	}
	c.s.Log.Info("a client has asked for the end", "mode", string(c.req.Arg))
	c.s.Shutdown()
	return errQuit
}

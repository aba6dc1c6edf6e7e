package server

import (
	"errors"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

// carryOut does what the request asks for, once its data is there.
func (c *conn) carryOut() error {
	switch c.req.Command {
	case memproto.Get, memproto.Gets, memproto.Gat, memproto.Gats:
		return c.get()
	case memproto.MetaGet:
		return c.metaGet()
	case memproto.MetaSet:
		return c.metaSet()
	case memproto.MetaDelete:
		return c.metaDelete()
	case memproto.MetaNoop:
		return c.out.line("MN")
	case memproto.Set, memproto.Add, memproto.Replace:
		return c.set()
	case memproto.Append, memproto.Prepend, memproto.CAS:
		c.writer.Abort()
		return memproto.ErrUnknown
	case memproto.Delete:
		return c.reply(c.s.Store.Delete(c.req.Key, store.DeleteOptions{}) == store.Stored, "DELETED", "NOT_FOUND")
	case memproto.Touch:
		return c.reply(c.s.Store.Touch(c.req.Key, c.req.Exptime), "TOUCHED", "NOT_FOUND")
	default:
		return c.admin()
	}
}

func (c *conn) reply(ok bool, yes, no string) error {
	if c.req.NoReply {
		return nil
	}
	if ok {
		return c.out.line(yes)
	}
	return c.out.line(no)
}

// get answers the keys of a get, which Parse has checked.
func (c *conn) get() error {
	for key, rest := c.req.Key, c.req.Keys; len(key) > 0; key, rest = memproto.NextToken(rest) {
		if c.out.full() {
			return c.leaveKeys(key, rest)
		}
		if err := c.getOne(key); err != nil {
			return err
		}
	}
	return c.out.line("END")
}

func (c *conn) getOne(key []byte) error {
	touch := c.req.Command == memproto.Gat || c.req.Command == memproto.Gats
	it, found, err := c.s.Store.Get(key, store.GetOptions{Value: true, Touch: touch, TTL: c.req.Exptime})
	if err != nil || !found {
		return err
	}
	b, err := c.out.room(memproto.MaxHeader)
	if err != nil {
		it.Value.Release()
		return err
	}
	c.out.took(memproto.AppendValue(b, key, it.Flags, it.Size, it.CAS, c.req.WithCAS()))
	return c.out.value(it.Value, it.Size)
}

func (c *conn) set() error {
	o := store.SetOptions{Flags: c.req.Flags, Exptime: c.req.Exptime}
	switch c.req.Command {
	case memproto.Add:
		o.Mode = store.Add
	case memproto.Replace:
		o.Mode = store.Replace
	}
	outcome, _, err := c.writer.Commit(o)
	if err != nil {
		return memproto.ErrOutOfMemory
	}
	return c.reply(outcome == store.Stored, "STORED", "NOT_STORED")
}

func (c *conn) dropOld() {
	if c.req.Mode != memproto.ModeAdd {
		c.s.Store.Drop(c.req.Key, c.req.HasCAS, c.req.CAS)
	}
}

func refusal(err error) error {
	if errors.Is(err, store.ErrTooLarge) {
		return memproto.ErrTooLarge
	}
	return memproto.ErrOutOfMemory
}

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
	case memproto.CacheMemlimit:
		return c.memlimit()
	case memproto.CachePolicy:
		return c.policy()
	case memproto.Quit:
		return errQuit
	default:
		return memproto.ErrUnknown
	}
}

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
	case memproto.MetaNoop:
		return c.out.line("MN")
	}
	c.l.reader.Flush() // what was looked up counts before what is changed
	switch c.req.Command {
	case memproto.MetaSet:
		return c.metaSet()
	case memproto.MetaDelete:
		return c.metaDelete()
	case memproto.MetaArithmetic:
		return c.metaArithmetic()
	case memproto.MetaDebug:
		return c.metaDebug()
	case memproto.Set, memproto.Add, memproto.Replace, memproto.Append, memproto.Prepend, memproto.CAS:
		return c.set()
	case memproto.Delete:
		return c.reply(textAnswer(c.s.Store.Delete(c.req.Key, store.DeleteOptions{}), "DELETED"))
	case memproto.Incr, memproto.Decr:
		return c.delta()
	case memproto.Touch:
		return c.touch()
	default:
		return c.admin()
	}
}

// reply answers with a line, if the client wants one.
func (c *conn) reply(line string) error {
	if c.req.NoReply {
		return nil
	}
	return c.out.line(line)
}

// textAnswer is what a classic command answers, with its own word for success.
func textAnswer(o store.Outcome, success string) string {
	return [...]string{store.Stored: success, store.NotStored: "NOT_STORED", store.Exists: "EXISTS", store.NotFound: "NOT_FOUND"}[o]
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
	if !touch {
		if f, ok := c.l.reader.Find(key); ok {
			c.value(key, f.Flags(), f.Size(), f.CAS(), f.Value())
			return nil
		}
	}
	it, found, err := c.l.reader.Get(key, store.GetOptions{Value: true, Touch: touch, TTL: c.req.Exptime})
	if err != nil || !found {
		return err
	}
	c.value(key, it.Flags, it.Size, it.CAS, it.Value)
	return nil
}

// value answers with a value.
func (c *conn) value(key []byte, flags uint32, size int, cas uint64, v store.Value) {
	b := c.out.room(memproto.MaxHeader)
	c.out.took(memproto.AppendValue(b, key, flags, size, cas, c.req.WithCAS()))
	c.out.value(v, size)
}

func (c *conn) set() error {
	outcome, _, err := c.writer.Commit(store.SetOptions{
		Mode: store.Mode(c.req.Mode), Flags: c.req.Flags, Exptime: c.req.Exptime, HasCAS: c.req.HasCAS, CAS: c.req.CAS,
	})
	if err != nil {
		return memproto.ErrNotStored
	}
	return c.reply(textAnswer(outcome, "STORED"))
}

func (c *conn) touch() error {
	if c.s.Store.Touch(c.req.Key, c.req.Exptime) {
		return c.reply("TOUCHED")
	}
	return c.reply("NOT_FOUND")
}

// delta answers incr and decr with the new number.
func (c *conn) delta() error {
	n, outcome, err := c.s.Store.Delta(c.req.Key, store.DeltaOptions{Decrement: c.req.Decrement, By: c.req.Delta})
	switch {
	case err != nil:
		return memproto.ErrOutOfMemory
	case outcome == store.NotNumber:
		return memproto.ErrNotNumber
	case outcome != store.Stored:
		return c.reply(textAnswer(outcome, ""))
	case c.req.NoReply:
		return nil
	}
	c.out.took(memproto.AppendNumber(c.out.room(memproto.MaxHeader), n.Value))
	return nil
}

// dropOld takes out what a value was to replace that cannot be stored. What it
// was only to be added to stays.
func (c *conn) dropOld() {
	if m := c.req.Mode; m == memproto.ModeSet || m == memproto.ModeReplace {
		c.s.Store.Drop(c.req.Key, c.req.HasCAS, c.req.CAS)
	}
}

func refusal(err error) error {
	if errors.Is(err, store.ErrTooLarge) {
		return memproto.ErrTooLarge
	}
	return memproto.ErrNotStored
}

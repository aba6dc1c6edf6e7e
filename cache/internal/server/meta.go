package server

import (
	"strconv"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

func (c *conn) metaGet() error {
	c.l.metaCommands.Add(1)
	r := c.req
	o := store.GetOptions{
		Value: r.Has('v'), NoBump: r.Has('u'),
		Touch: r.Has('T'), TTL: r.TTL,
		Vivify: r.Has('N'), VivifyTTL: r.Vivify,
		Recache: r.Has('R'), RecacheTTL: r.Recache,
	}
	it, found, err := c.s.Store.Get(r.Key, o)
	if err != nil {
		return memproto.ErrOutOfMemory
	}
	if !found {
		if r.Quiet {
			return nil
		}
		return c.metaLine("EN", 0)
	}
	return c.metaItem(it, o.Value)
}

func (c *conn) metaItem(it store.Item, withValue bool) error {
	b, err := c.out.room(memproto.MaxHeader)
	if err != nil {
		if withValue {
			it.Value.Release()
		}
		return err
	}
	if withValue {
		b = strconv.AppendInt(append(b, "VA "...), int64(it.Size), 10)
	} else {
		b = append(b, "HD"...)
	}
	for _, f := range c.req.Meta {
		b = c.itemFlag(b, f, it)
	}
	for _, mark := range []struct {
		set  bool
		text string
	}{{it.Lost, " Z"}, {it.Stale, " X"}, {it.Won, " W"}} {
		if mark.set {
			b = append(b, mark.text...)
		}
	}
	c.out.took(append(b, memproto.End...))
	if withValue {
		return c.out.value(it.Value, it.Size)
	}
	return nil
}

func (c *conn) itemFlag(b []byte, f memproto.Flag, it store.Item) []byte {
	switch f.Letter {
	case 'c':
		return memproto.AppendCAS(b, it.CAS)
	case 'f':
		return memproto.AppendFlag(b, 'f', int64(it.Flags))
	case 'h':
		hit := int64(0)
		if it.Fetched {
			hit = 1
		}
		return memproto.AppendFlag(b, 'h', hit)
	case 'l':
		return memproto.AppendFlag(b, 'l', it.Idle)
	case 's':
		return memproto.AppendFlag(b, 's', int64(it.Size))
	case 't':
		return memproto.AppendFlag(b, 't', it.TTL)
	}
	return memproto.AppendEcho(b, c.req, f)
}

func (c *conn) metaSet() error {
	c.l.metaCommands.Add(1)
	r := c.req
	outcome, cas, err := c.writer.Commit(store.SetOptions{
		Mode: store.Mode(r.Mode), Flags: r.Flags, Exptime: r.TTL,
		HasCAS: r.HasCAS, CAS: r.CAS, Invalidate: r.Has('I'),
	})
	if err != nil {
		return memproto.ErrOutOfMemory
	}
	return c.metaOutcome(outcome, cas)
}

func (c *conn) metaDelete() error {
	c.l.metaCommands.Add(1)
	r := c.req
	return c.metaOutcome(c.s.Store.Delete(r.Key, store.DeleteOptions{
		HasCAS: r.HasCAS, CAS: r.CAS, Invalidate: r.Has('I'), HasTTL: r.Has('T'), TTL: r.TTL,
	}), 0)
}

// metaOutcome answers a set or a delete; q hides success alone.
func (c *conn) metaOutcome(o store.Outcome, cas uint64) error {
	if o == store.Stored && c.req.Quiet {
		return nil
	}
	return c.metaLine([...]string{store.Stored: "HD", store.NotStored: "NS", store.Exists: "EX", store.NotFound: "NF"}[o], cas)
}

func (c *conn) metaLine(code string, cas uint64) error {
	b, err := c.out.room(memproto.MaxHeader)
	if err != nil {
		return err
	}
	b = append(b, code...)
	for _, f := range c.req.Meta {
		if f.Letter == 'c' && c.req.Command == memproto.MetaSet {
			b = memproto.AppendCAS(b, cas)
			continue
		}
		b = memproto.AppendEcho(b, c.req, f)
	}
	c.out.took(append(b, memproto.End...))
	return nil
}

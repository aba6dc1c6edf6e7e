package server

import (
	"fmt"
	"strconv"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

// stored is the code of an answer without a value.
const stored = "HD"

func (c *conn) metaGet() error {
	c.l.metaCommands.Add(1)
	r := c.req
	o := store.GetOptions{
		Value: r.Has('v'), NoBump: r.Has('u'), Compete: true, History: r.Has('h') || r.Has('l'),
		Touch: r.Has('T'), TTL: r.TTL,
		Vivify: r.Has('N'), VivifyTTL: r.Vivify,
		Recache: r.Has('R'), RecacheTTL: r.Recache,
		NewCAS: c.newCAS(),
	}
	it, found, err := c.l.reader.Get(r.Key, o)
	if err != nil {
		return memproto.ErrOutOfMemory
	}
	if !found {
		if r.Quiet {
			return nil
		}
		return c.metaLine("EN", 0)
	}
	c.metaItem(&it)
	return nil
}

func (c *conn) metaItem(it *store.Item) {
	b := c.metaCode(c.out.room(memproto.MaxHeader), it.Size)
	for _, f := range c.req.Meta {
		b = c.itemFlag(b, f, it)
	}
	if it.Lost {
		b = append(b, " Z"...)
	}
	if it.Stale {
		b = append(b, " X"...)
	}
	if it.Won {
		b = append(b, " W"...)
	}
	c.out.took(append(b, memproto.End...))
	if c.req.Has('v') {
		c.out.value(it.Value, it.Size)
	}
}

func (c *conn) itemFlag(b []byte, f memproto.Flag, it *store.Item) []byte {
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
	mode := store.Mode(r.Mode)
	if mode == store.Replace && r.HasCAS {
		mode = store.Set // only over what is there, too, but with the answer of a cas
	}
	outcome, cas, err := c.writer.Commit(store.SetOptions{
		Mode: mode, Flags: r.Flags, Exptime: r.TTL,
		HasCAS: r.HasCAS, CAS: r.CAS, Invalidate: r.Has('I'), NewCAS: c.newCAS(),
		Vivify: r.Has('N'), VivifyTTL: r.Vivify,
	})
	if err != nil {
		return memproto.ErrNotStored
	}
	return c.metaOutcome(outcome, cas)
}

func (c *conn) metaDelete() error {
	c.l.metaCommands.Add(1)
	r := c.req
	return c.metaOutcome(c.s.Store.Delete(r.Key, store.DeleteOptions{
		HasCAS: r.HasCAS, CAS: r.CAS, Invalidate: r.Has('I'), HasTTL: r.Has('T'), TTL: r.TTL,
		Clear: r.Has('x'), NewCAS: c.newCAS(),
	}), 0)
}

func (c *conn) newCAS() store.CAS { return store.CAS{Given: c.req.Has('E'), Value: c.req.NewCAS} }

func (c *conn) metaArithmetic() error {
	c.l.metaCommands.Add(1)
	r := c.req
	n, outcome, err := c.s.Store.Delta(r.Key, store.DeltaOptions{
		Decrement: r.Decrement, By: r.Delta, HasCAS: r.HasCAS, CAS: r.CAS, NewCAS: c.newCAS(),
		HasTTL: r.Has('T'), TTL: r.TTL, Vivify: r.Has('N'), VivifyTTL: r.Vivify, Initial: r.Initial,
	})
	switch {
	case err != nil:
		return memproto.ErrOutOfMemory
	case outcome == store.NotNumber:
		return memproto.ErrNotNumber
	case outcome != store.Stored, r.Quiet:
		return c.metaOutcome(outcome, 0)
	}
	c.metaNumber(n)
	return nil
}

// metaNumber answers an ma that was carried out.
func (c *conn) metaNumber(n store.Number) {
	var digits [20]byte // of 64 bits
	value := strconv.AppendUint(digits[:0], n.Value, 10)
	b := c.metaCode(c.out.room(memproto.MaxHeader), len(value))
	for _, f := range c.req.Meta {
		switch f.Letter {
		case 'c':
			b = memproto.AppendCAS(b, n.CAS)
		case 't':
			b = memproto.AppendFlag(b, 't', n.TTL)
		default:
			b = memproto.AppendEcho(b, c.req, f)
		}
	}
	b = append(b, memproto.End...)
	if c.req.Has('v') {
		b = append(append(b, value...), memproto.End...)
	}
	c.out.took(b)
}

// metaCode begins the answer of what was found: with v, a value of size bytes
// comes behind it.
func (c *conn) metaCode(b []byte, size int) []byte {
	if c.req.Has('v') {
		return strconv.AppendInt(append(b, "VA "...), int64(size), 10)
	}
	return append(b, stored...)
}

// metaDebug tells what is known of an item, without touching it. The flags are told
// by no memcached.
func (c *conn) metaDebug() error {
	c.l.metaCommands.Add(1)
	d, found := c.s.Store.Describe(c.req.Key)
	if !found {
		return c.out.line("EN")
	}
	return c.out.line(fmt.Sprintf("ME %s exp=%d la=%d cas=%d fetch=%s cls=%d size=%d flags=%d",
		c.req.RawKey, d.TTL, d.Idle, d.CAS, yesNo(d.Fetched), d.Class, d.Charge, d.Flags))
}

// metaOutcome answers what changes an item; q hides success alone.
func (c *conn) metaOutcome(o store.Outcome, cas uint64) error {
	if o == store.Stored && c.req.Quiet {
		return nil
	}
	return c.metaLine([...]string{store.Stored: stored, store.NotStored: "NS", store.Exists: "EX", store.NotFound: "NF"}[o], cas)
}

func (c *conn) metaLine(code string, cas uint64) error {
	b := append(c.out.room(memproto.MaxHeader), code...)
	isSet := c.req.Command == memproto.MetaSet
	for _, f := range c.req.Meta {
		switch {
		case isSet && f.Letter == 'c':
			b = memproto.AppendCAS(b, cas)
		case isSet && f.Letter == 's' && code == stored:
			b = memproto.AppendFlag(b, 's', int64(c.writer.Size()))
		default:
			b = memproto.AppendEcho(b, c.req, f)
		}
	}
	c.out.took(append(b, memproto.End...))
	return nil
}

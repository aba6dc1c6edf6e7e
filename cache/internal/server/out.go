package server

import (
	"net"
	"time"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

const (
	outSize = 32 << 10
	// inline is the longest value that is copied to between the lines; a longer
	// one is sent from where it is. Below it, copying costs less than an entry of
	// a writev.
	inline = 4 << 10
	// maxPinned and maxVecs bound what waits for one writev.
	maxPinned = 1 << 20
	maxVecs   = 256
)

// out gathers answers until they are sent with one system call. Its buffer is
// borrowed only while there is something to send.
type out struct {
	c      *conn
	buf    *[outSize]byte
	n      int // bytes of buf in use
	cut    int // bytes of buf that are in vecs already
	vecs   [][]byte
	pins   []store.Value // the values that vecs points into
	pinned int           // bytes of them
	sendBy time.Time     // the deadline that is set
}

// room returns the free part of the buffer, at least n bytes, to append to; the
// caller gives what it appended to took.
func (o *out) room(n int) ([]byte, error) {
	if o.buf == nil {
		o.buf = o.c.s.buffers.Get().(*[outSize]byte)
	}
	if outSize-o.n < n {
		if err := o.flush(); err != nil {
			return nil, err
		}
		return o.room(n)
	}
	return o.buf[o.n:o.n], nil
}

func (o *out) took(b []byte) { o.n += len(b) }

func (o *out) line(s string) error {
	b, err := o.room(len(s) + len(memproto.End))
	if err == nil {
		o.took(memproto.AppendLine(b, s))
	}
	return err
}

// value sends a value and the line end after it, and releases it then.
func (o *out) value(v store.Value, size int) error {
	if size <= inline {
		return o.copyValue(v, size)
	}
	o.cutBuffer()
	o.vecs = v.Segments(o.vecs)
	o.pins = append(o.pins, v)
	o.pinned += size
	if err := o.line(""); err != nil {
		return err
	}
	if o.pinned >= maxPinned || len(o.vecs) >= maxVecs {
		return o.flush()
	}
	return nil
}

func (o *out) copyValue(v store.Value, size int) error {
	defer v.Release()
	b, err := o.room(size + len(memproto.End))
	if err != nil {
		return err
	}
	var segments [2][]byte
	for _, s := range v.Segments(segments[:0]) {
		b = append(b, s...)
	}
	o.took(append(b, memproto.End...))
	return nil
}

// cutBuffer puts what was appended since the last cut into vecs.
func (o *out) cutBuffer() {
	if o.n > o.cut {
		o.vecs = append(o.vecs, o.buf[o.cut:o.n:o.n])
		o.cut = o.n
	}
}

// flush sends everything and releases what was pinned for it.
func (o *out) flush() error {
	if o.n == 0 {
		return nil
	}
	o.cutBuffer()
	err := o.send()
	for _, v := range o.pins {
		v.Release()
	}
	o.pins, o.vecs = o.pins[:0], o.vecs[:0]
	o.n, o.cut, o.pinned = 0, 0, 0
	o.c.s.buffers.Put(o.buf)
	o.buf = nil
	return err
}

func (o *out) send() error {
	stall := o.c.s.stall
	if now := time.Now(); o.sendBy.Sub(now) < stall*3/4 {
		o.sendBy = now.Add(stall)
		if err := o.c.nc.SetWriteDeadline(o.sendBy); err != nil {
			return err
		}
	}
	if len(o.vecs) == 1 {
		n, err := o.c.nc.Write(o.vecs[0])
		o.c.s.bytesWritten.Add(int64(n))
		return err
	}
	vecs := net.Buffers(o.vecs)
	n, err := vecs.WriteTo(o.c.nc)
	o.c.s.bytesWritten.Add(n)
	return err
}

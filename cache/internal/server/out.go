package server

import (
	"slices"

	"golang.org/x/sys/unix"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
	"memcache/shared/sock"
)

const (
	outSize = 32 << 10
	// inline is the longest value that is copied to between the lines; a longer
	// one is sent from where it is. Below it, copying costs less than an entry of
	// a writev.
	inline = 4 << 10
	// maxPinned and maxVecs bound what waits for one writev, but for the answer
	// that goes beyond them.
	maxPinned = 1 << 20
	maxVecs   = 256
)

// out gathers answers until they are sent with one system call. A connection
// borrows one from its loop only while there is something to send.
type out struct {
	buf    []byte
	cut    int // bytes of buf that are in vecs already
	vecs   [][]byte
	pins   []store.Value // the values that vecs points into
	pinned int           // bytes of them
}

func newOut() *out { return &out{buf: make([]byte, 0, outSize)} }

// full tells that what is there should be sent before more is added.
func (o *out) full() bool {
	return len(o.buf) > outSize-inline-memproto.MaxHeader || o.pinned >= maxPinned || len(o.vecs) >= maxVecs
}

func (o *out) empty() bool { return len(o.buf) == o.cut && len(o.vecs) == 0 }

// room returns the free part of the buffer, at least n bytes, to append to; the
// caller gives what it appended to took.
func (o *out) room(n int) []byte {
	if cap(o.buf)-len(o.buf) < n { // only of answers that are longer than one value, as statistics
		o.cutBuffer()
		o.buf, o.cut = make([]byte, 0, max(n, outSize)), 0
	}
	return o.buf[len(o.buf):]
}

func (o *out) took(b []byte) { o.buf = o.buf[:len(o.buf)+len(b)] }

// line answers with a line. It never fails: the nil is for the callers, which
// are done with it.
func (o *out) line(s string) error {
	o.took(memproto.AppendLine(o.room(len(s)+len(memproto.End)), s))
	return nil
}

// value sends a value and the line end after it, and releases it then.
func (o *out) value(v store.Value, size int) {
	if size <= inline {
		o.copyValue(v, size)
		return
	}
	o.cutBuffer()
	v.Keep()
	o.vecs = v.Segments(o.vecs)
	o.pins = append(o.pins, v)
	o.pinned += size
	_ = o.line("")
}

func (o *out) copyValue(v store.Value, size int) {
	defer v.Release()
	b := o.room(size + len(memproto.End))
	var segments [2][]byte
	for _, s := range v.Segments(segments[:0]) {
		b = append(b, s...)
	}
	o.took(append(b, memproto.End...))
}

// cutBuffer puts what was appended since the last cut into vecs.
func (o *out) cutBuffer() {
	if len(o.buf) > o.cut {
		o.vecs = append(o.vecs, o.buf[o.cut:])
		o.cut = len(o.buf)
	}
}

// send gives the socket as much as it takes at once, and tells how much that
// was. iov is room for the system call.
func (o *out) send(fd int, iov []unix.Iovec) (n int, err error) {
	if len(o.vecs) == 0 && o.cut == 0 {
		n, err = sock.Send(fd, o.buf)
	} else {
		o.cutBuffer()
		n, err = sock.SendAll(fd, o.vecs, iov)
	}
	if n == len(o.buf) && len(o.vecs) == 0 {
		o.buf = o.buf[:0]
		return n, err
	}
	if err == unix.EAGAIN {
		err = nil
	}
	o.cutBuffer()
	o.skip(n)
	return n, err
}

// skip takes out the n bytes that were sent.
func (o *out) skip(n int) {
	done := 0
	for ; done < len(o.vecs) && n >= len(o.vecs[done]); done++ {
		n -= len(o.vecs[done])
	}
	if done == len(o.vecs) {
		o.reset()
		return
	}
	o.vecs[done] = o.vecs[done][n:]
	o.vecs = slices.Delete(o.vecs, 0, done)
}

// reset forgets everything and releases what was pinned.
func (o *out) reset() {
	for _, v := range o.pins {
		v.Release()
	}
	clear(o.pins)
	o.pins, o.vecs, o.pinned = o.pins[:0], o.vecs[:0], 0
	o.buf, o.cut = o.buf[:0], 0
}

// large tells that one answer made it larger than others will need it.
func (o *out) large() bool { return cap(o.buf) > outSize || cap(o.vecs) > 2*maxVecs }

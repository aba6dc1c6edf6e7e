package live

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// maxOverhead is how many bytes may come on the wire since the last message
// began that are not part of one: frame headers, pings and pongs. It ends floods
// of empty fragments, which no limit on a message's length would ever end.
const maxOverhead = 256 << 10

// readBytes is how much of a message is read at once: what is read and not yet
// known to be part of the message, besides a buffer of 4 KiB.
const readBytes = 32 << 10

var errFlood = errors.New("a flood of fragments or control frames")

// wire is the network connection of a WebSocket. It knows when bytes last came
// and how many of them were overhead.
type wire struct {
	net.Conn
	heard    atomic.Int64 // when, in Unix nanoseconds
	overhead atomic.Int64 // since the last message began
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.heard.Store(time.Now().UnixNano())
		if w.overhead.Add(int64(n)) > maxOverhead {
			return 0, errFlood
		}
	}
	return n, err
}

// body reads the body of a message that has just begun.
func (w *wire) body(r io.Reader) io.Reader {
	w.overhead.Store(0)
	return payload{r, w}
}

type payload struct {
	r io.Reader
	w *wire
}

func (p payload) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), readBytes)])
	p.w.overhead.Add(-int64(n))
	return n, err
}

// silence returns for how long nothing has come.
func (w *wire) silence() time.Duration {
	return time.Since(time.Unix(0, w.heard.Load()))
}

// tap is a ResponseWriter that puts a wire below the connection taken from it.
type tap struct {
	http.ResponseWriter
	wire *wire
}

// Hijack works through any ResponseWriter that unwraps to a hijackable one.
func (t *tap) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.wire = &wire{Conn: conn}
	t.wire.heard.Store(time.Now().UnixNano())
	return t.wire, rw, nil
}

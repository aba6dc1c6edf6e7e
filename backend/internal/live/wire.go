package live

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"memcache/shared/api"
)

// maxRaw is how many bytes may come on the wire between the beginnings of two
// messages: a message and its frames, or very many pings. It ends floods of
// empty fragments, which no limit on a message's length would ever end.
const maxRaw = 2 * api.MaxMessageBytes

var errFlood = errors.New("a flood of fragments or control frames")

// wire is the network connection of a WebSocket. It knows when bytes last came
// and how many came since the last message began.
type wire struct {
	net.Conn
	heard atomic.Int64 // when, in Unix nanoseconds
	raw   atomic.Int64
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.heard.Store(time.Now().UnixNano())
		if w.raw.Add(int64(n)) > maxRaw {
			return 0, errFlood
		}
	}
	return n, err
}

// message tells that a message has begun.
func (w *wire) message() { w.raw.Store(0) }

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

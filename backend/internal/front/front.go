// Package front answers plain requests in front of net/http, which spends more
// on each than all of what our handler does: two goroutines a connection, a
// context, several buffers, and its own waiting for every socket.
//
// A few event loops own the connections. What is exactly one whole GET without a
// body or anything unusual in it, below the paths that Config names, is answered
// here. If it asks for an object that is in the cache, that happens in two steps
// ([Hits]), so that one turn of a loop asks the cache for what many clients want
// with one system call, takes the answers with another, and sends each on from
// where it lies. For everything else of that kind (misses, conditions, ranges) the
// handler runs in a goroutine of its own, as under net/http.
//
// Any other request makes the connection one of [http.Server], byte for byte: a
// [Listener] is what that accepts connections from. A connection comes back with
// the next request of the kind above, as long as the two agree on where a request
// begins: when net/http has had nothing but plain GETs (for other paths). After
// anything else, as a body, an upgrade or half a request, it is net/http's alone.
//
// What net/http refuses by itself, as a header that is too long, is answered in
// words of ours ([Listener.Attach]). What hits take of memory while their clients
// take them is bounded ([Memory]).
//
// What the handler can tell: its context does not end when the client goes away.
package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/sock"
)

// Config is what a Listener is made of. Without Hits, the handler has the word
// of all requests.
type Config struct {
	Listener net.Listener // of TCP
	Handler  http.Handler // that of the http.Server
	Prefix   string       // the paths answered here begin with it
	Idle     time.Duration
	First    time.Duration // for a connection's first request; 0: Idle
	Stall    time.Duration // in which a client takes patienceBytes, or the rest of a hit; 0 is for ever
	Hits     Hits
	Memory   Memory // nil: without a bound
	// Refuse answers what net/http finds to be no request; nil leaves it to net/http.
	// See Attach.
	Refuse Refuse
	Log    *slog.Logger // nil: none
}

// Hits answers GETs of what is in the cache. It must not block.
type Hits interface {
	// Begin returns what is asked for; nil for a request that the handler is to
	// answer.
	Begin(r *http.Request) Hit
}

// Memory bounds what is kept for clients while they take it.
type Memory interface {
	// TryAcquire takes bytes of it; false when it has not as many.
	TryAcquire(bytes int64) bool
	// Release gives them back.
	Release(bytes int64)
}

// Hit is a request between the question to the cache and the answer.
type Hit interface {
	// Node is the cache node to ask.
	Node() storage.CacheNode
	// CacheKey is what to look up there.
	CacheKey() string
	// Answer returns the body in a value that was found, and sets the header of
	// the reply, which has the status 200; false when the value is damaged.
	Answer(header http.Header, value []byte) (body []byte, ok bool)
	// Sent is called when so many bytes of the body were sent, and no more will be.
	Sent(bytes int64)
	// GoOn returns the request for the handler, which goes on from what was found.
	GoOn(found storage.Lookup) *http.Request
	// GoPast returns the request for the handler, which answers it from elsewhere:
	// there is no memory to keep a value in.
	GoPast() *http.Request
}

// Listener is a [net.Listener] for an [http.Server] without TLS.
type Listener struct {
	cfg    Config
	start  sync.Once
	failed error           // of start
	given  chan net.Conn   // connections for net/http
	open   context.Context // ends when the listener is closed
	shut   context.CancelFunc
	spare  sock.Spare
	jobs   chan job // to workers that wait for one

	mu      sync.Mutex     // guards what follows
	loops   []*loop        // nil until they run
	running sync.WaitGroup // loops, handlers and all else that was begun
	done    chan struct{}  // closed when all of them have ended
}

// maxLoops is the most event loops that there are. One for two processors leaves
// room for the handlers, and the fewer there are, the more requests share a turn.
const maxLoops = 4

func loopCount() int { return min(max(runtime.GOMAXPROCS(0)/2, 1), maxLoops) }

// New returns a listener in front of cfg.Listener.
func New(cfg Config) *Listener {
	if cfg.First == 0 {
		cfg.First = cfg.Idle
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Listener{cfg: cfg, given: make(chan net.Conn), jobs: make(chan job), done: make(chan struct{})}
	l.open, l.shut = context.WithCancel(context.Background())
	return l
}

// Accept waits for the next connection for net/http.
func (l *Listener) Accept() (net.Conn, error) {
	l.start.Do(func() { l.failed = l.run() })
	if l.failed != nil {
		return nil, l.failed
	}
	select {
	case nc := <-l.given:
		return nc, nil
	case <-l.open.Done():
		return nil, net.ErrClosed
	}
}

// Addr is the address listened on.
func (l *Listener) Addr() net.Addr { return l.cfg.Listener.Addr() }

// Close ends the accepting. Connections without a request under way are closed,
// the others after it: see Drain.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.Err() != nil {
		return net.ErrClosed
	}
	l.shut()
	for _, lp := range l.loops {
		lp.inbox.Do(lp.end)
	}
	go func() {
		l.running.Wait()
		for _, lp := range l.loops {
			lp.close()
		}
		l.spare.Close()
		close(l.done)
	}()
	return l.cfg.Listener.Close()
}

// Drain waits for the requests under way here, which the server's Shutdown does
// not know of. It is to be called after that. Those that outlast ctx are cut off.
func (l *Listener) Drain(ctx context.Context) error {
	_ = l.Close()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lp := range l.loops {
		lp.inbox.Do(lp.abort)
	}
	return ctx.Err()
}

// run starts the loops and the accepting.
func (l *Listener) run() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.Err() != nil {
		return net.ErrClosed
	}
	l.spare.Refill()
	from, err := newAcceptor(l.cfg.Listener)
	if err != nil {
		return err
	}
	var loops []*loop
	for range loopCount() {
		lp, err := newLoop(l)
		if err != nil {
			for _, lp := range loops {
				lp.close()
			}
			return errors.Join(fmt.Errorf("no event loop can be made: %w", err), from.close())
		}
		loops = append(loops, lp)
	}
	l.loops = loops
	for _, lp := range l.loops {
		l.running.Go(lp.run)
	}
	l.running.Go(func() { l.accept(from) })
	return nil
}

// accept gives each connection to the next loop until the listener is closed.
func (l *Listener) accept(from *acceptor) {
	defer context.AfterFunc(l.open, func() { _ = from.close() })()
	for next := 0; ; next++ {
		fd, remote, err := from.accept(l.open.Done())
		if err != nil {
			if l.open.Err() == nil {
				l.cfg.Log.Error("no connections are accepted any more", "error", err)
			}
			_ = from.close()
			return
		}
		l.loops[next%len(l.loops)].take(fd, remote, nil)
	}
}

// give makes the socket of a connection one of net/http, which reads first what
// was read of it already.
func (l *Listener) give(from *loop, fd int, remote string, read []byte) {
	nc, err := sock.Give(fd, &l.spare)
	if err != nil {
		l.cfg.Log.Warn("a connection is dropped: net/http cannot have it", "error", err)
		return
	}
	select {
	case l.given <- &given{TCPConn: nc.(*net.TCPConn), loop: from, remote: remote, read: read, aligned: true}:
	case <-l.open.Done():
		nc.Close()
	}
}

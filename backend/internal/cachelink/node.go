package cachelink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"memcache/shared/api"
	"memcache/shared/sock"
)

// node is one cache process, at one address.
type node struct {
	name             string // the address as configured
	network, address string
	timeout          time.Duration
	log              *slog.Logger
	breaker          breaker
	buffers          buffers
	maxItem          atomic.Int64 // 0: not known yet
	empty            atomic.Int64 // leases and holds that Get met in this run
	restarted        func()       // is told of a young run, see Client.OnRestart
	leases           *leases      // of the client

	next  atomic.Uint32
	slots []slot
	wg    sync.WaitGroup // the readers of connections

	mu     sync.Mutex // guards what follows
	run    run
	lines  map[*Line]bool
	closed bool
}

// slot is the place of one connection.
type slot struct {
	cn      atomic.Pointer[conn]
	dialing sync.Mutex
}

// run identifies one run of the cache process.
type run struct{ pid, started int64 }

// same allows for the rounding of the node's clock.
func (r run) same(as run) bool {
	return r.pid == as.pid && max(r.started-as.started, as.started-r.started) <= 2
}

func (r run) String() string { return fmt.Sprintf("%d@%d", r.pid, r.started) }

// visit is what a new connection finds.
type visit struct {
	run
	young bool // the run before it may have had holds that are meant to last yet
}

func (n *node) visitOf(stats map[string]string) visit {
	const rounding = 3
	return visit{run: n.runOf(stats), young: number(stats["uptime"]) < holdSeconds+rounding}
}

// runOf tells from its statistics which run of the process a node is in.
func (n *node) runOf(stats map[string]string) run {
	r := run{pid: number(stats["pid"]), started: number(stats["time"]) - number(stats["uptime"])}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.same(n.run) {
		return n.run
	}
	return r
}

// CheckAddress tells whether address can be a node's. Error: api.Invalid.
func CheckAddress(address string) error {
	path, isPath := strings.CutPrefix(address, "unix:")
	switch {
	case isPath && path == "":
		return api.Errorf(api.Invalid, "the address %q of a cache node names no socket: write unix:/path/of/the.socket", address)
	case isPath && len(path) > maxSocketPath:
		return api.Errorf(api.Invalid, "the socket's path %q of a cache node is longer than the %d bytes that the system takes: choose a shorter one", path, maxSocketPath)
	case isPath:
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if number, numErr := strconv.Atoi(port); err != nil || host == "" || numErr != nil || number < 1 || number > 65535 || len(address) > maxAddress {
		return api.Errorf(api.Invalid, "the address %q of a cache node is neither unix:/path nor host:port: write for example cache.example.org:11211", address).Because(err)
	}
	return nil
}

// The longest addresses, in bytes.
const (
	maxSocketPath = 107
	maxAddress    = 260
)

// newNode returns the node at an address that CheckAddress takes.
func newNode(address string, cfg Config) *node {
	n := &node{
		name: address, network: "tcp", address: address, timeout: cfg.Timeout, log: cfg.Log,
		slots: make([]slot, cfg.Conns), lines: make(map[*Line]bool),
		breaker: breaker{first: cfg.Backoff, most: 20 * cfg.Backoff},
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		n.network, n.address = "unix", path
	}
	return n
}

// budget is the time that q may take: large fills get 1 ms for every 32 KiB.
func (n *node) budget(q *call) time.Duration {
	return n.timeout + time.Duration(len(q.body)>>15)*time.Millisecond
}

// do sends q over one of the connections and returns which. A connection that
// had gone stale is replaced once.
func (n *node) do(ctx context.Context, q *call) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	budget := n.budget(q)
	probe, err := n.breaker.allow(n.name, budget)
	if err != nil {
		return nil, err
	}
	q.deadline = time.Now().Add(budget)
	cn, err := n.try(ctx, q)
	if errors.Is(err, errStale) {
		q.again()
		cn, err = n.try(ctx, q)
	}
	return cn, n.judge(ctx, probe, err)
}

func (n *node) try(ctx context.Context, q *call) (*conn, error) {
	cn, err := n.connect(ctx, q.deadline)
	if err != nil {
		return nil, err
	}
	return cn, cn.roundTrip(ctx, q)
}

// doIn sends q to that run of the process and to no other; errStale when it has
// ended, or seems to.
func (n *node) doIn(ctx context.Context, of run, q *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	budget := n.budget(q)
	probe, err := n.breaker.allow(n.name, budget)
	if err != nil {
		return err
	}
	q.deadline = time.Now().Add(budget)
	cn, err := n.connect(ctx, q.deadline)
	if err == nil && cn.run != of {
		_ = n.judge(ctx, probe, nil)
		return errStale
	}
	if err == nil {
		err = cn.roundTrip(ctx, q)
	}
	if errors.Is(err, errStale) {
		return err // that the connection is gone says nothing of the node
	}
	return n.judge(ctx, probe, err)
}

// judge tells the breaker how a request went, and names the node in its error.
func (n *node) judge(ctx context.Context, probe bool, err error) error {
	switch {
	case err == nil:
		if n.breaker.succeed(probe) {
			n.log.Info("the cache node answers again", "node", n.name)
		}
		return nil
	case errors.Is(err, errBusy), ctx.Err() != nil, errors.Is(err, net.ErrClosed) && n.isClosed():
	case n.breaker.fail(probe, err):
		n.log.Warn("the cache node does not answer: it is left alone for a moment", "node", n.name, "err", err)
	}
	return fmt.Errorf("cache node %s: %w", n.name, err)
}

func (n *node) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// connect returns a living connection, in turn.
func (n *node) connect(ctx context.Context, deadline time.Time) (*conn, error) {
	s := &n.slots[n.next.Add(1)%uint32(len(n.slots))]
	if cn := s.cn.Load(); cn != nil && !cn.dead() {
		return cn, nil
	}
	s.dialing.Lock()
	defer s.dialing.Unlock()
	if cn := s.cn.Load(); cn != nil && !cn.dead() {
		return cn, nil
	}
	if !time.Now().Before(deadline) {
		return nil, errTimeout
	}
	if n.isClosed() {
		return nil, net.ErrClosed
	}
	cn, who, err := n.dial(ctx, deadline)
	if err != nil {
		return nil, err
	}
	return cn, n.adopt(s, cn, who)
}

// dial makes a connection and asks who is at its other end.
func (n *node) dial(ctx context.Context, deadline time.Time) (*conn, visit, error) {
	d := net.Dialer{Deadline: deadline, Control: widen}
	nc, err := d.DialContext(ctx, n.network, n.address)
	if err != nil {
		return nil, visit{}, err
	}
	br := bufio.NewReaderSize(nc, readBuffer)
	stats, err := greet(nc, br, deadline)
	if err != nil {
		nc.Close()
		return nil, visit{}, fmt.Errorf("ask the cache who it is: %w", err)
	}
	n.learn(stats)
	limit := max(number(stats["item_size_max"]), defaultItemLimit)
	return newConn(nc, br, &n.buffers, int(limit), &n.wg), n.visitOf(stats), nil
}

// widen gives a unix socket room for the values that are stored.
func widen(network, _ string, c syscall.RawConn) (err error) {
	if network != "unix" {
		return nil
	}
	ended := c.Control(func(fd uintptr) { err = sock.Widen(int(fd)) })
	return errors.Join(err, ended)
}

// defaultItemLimit is memcached's.
const defaultItemLimit = 1 << 20

// itemOverhead is more than what a node adds to a value: its key and header.
const itemOverhead = 512

// greet asks for the statistics and the settings at once.
func greet(nc net.Conn, br *bufio.Reader, deadline time.Time) (map[string]string, error) {
	if err := nc.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := nc.Write([]byte("stats\r\nstats settings\r\n")); err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for range 2 {
		stats, _, err := readStats(br)
		if err != nil {
			return nil, err
		}
		for name, value := range stats {
			all[name] = value
		}
	}
	return all, nc.SetDeadline(time.Time{})
}

// learn notes the size of the largest item from statistics with settings.
func (n *node) learn(stats map[string]string) {
	limit := number(stats["item_size_max"])
	if limit == 0 {
		limit = defaultItemLimit
	}
	if capacity := number(stats["limit_maxbytes"]); capacity > 0 {
		limit = min(limit, capacity)
	}
	n.maxItem.Store(max(limit-itemOverhead, 0))
}

// number reads a statistic; what is missing or no number counts as 0.
func number(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// adopt puts a new connection into use. When it leads to another run of the
// process than the older ones, those are ended: a deletion confirmed by the one
// would say nothing of what the other holds.
func (n *node) adopt(s *slot, cn *conn, who visit) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		cn.nc.Close()
		return net.ErrClosed
	}
	n.meet(who)
	cn.run = who.run
	s.cn.Store(cn)
	n.wg.Go(cn.read)
	return nil
}

// join does for a Line what adopt does for a connection.
func (n *node) join(l *Line, who visit) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return net.ErrClosed
	}
	n.meet(who)
	n.lines[l] = true
	return nil
}

func (n *node) leave(l *Line) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.lines, l)
}

// meet ends what leads to another run than this one. mu is held.
func (n *node) meet(who visit) {
	if who.run == n.run {
		return
	}
	for i := range n.slots {
		if old := n.slots[i].cn.Load(); old != nil && !old.dead() {
			old.fail(errAnotherRun)
		}
	}
	for l := range n.lines {
		l.fail()
	}
	n.empty.Store(0)
	n.run = who.run
	if who.young {
		n.restarted()
	}
}

// errAnotherRun ends connections to a process that is not the one any more.
var errAnotherRun = errors.New("another cache process answers at the address now")

// close ends all connections and waits for their readers. Lines are closed by
// their owners.
func (n *node) close() {
	n.mu.Lock()
	n.closed = true
	for i := range n.slots {
		if cn := n.slots[i].cn.Load(); cn != nil {
			cn.fail(net.ErrClosed)
		}
	}
	for l := range n.lines {
		l.fail()
	}
	n.mu.Unlock()
	n.wg.Wait()
}

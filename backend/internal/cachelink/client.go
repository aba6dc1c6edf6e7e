// Package cachelink reaches the cache over memcached's meta protocol: it is the
// [storage.Cache] of the backend, and what configures and reads the cache nodes.
// A memcached from 1.6 on will do as a node; ours can do more (see [NodeStats]).
//
// A node has few connections, and each carries many requests at once: a writer
// under a lock puts commands on it, and one goroutine matches the replies, which
// come in the order of the commands. Values are read into pooled memory.
//
// A cache that is down or hangs must cost next to nothing, so every request has
// a small time budget, and a node that failed is not asked for a while (see
// breaker). A connection that the node had closed before a reply began is
// replaced, and the request sent once more.
//
// An event loop that asks for many keys at once has a connection of its own, a
// [Line], which costs less than one that all share.
//
// Leases are memcached's "vivify" and cas. A cas tells versions apart only
// within one run of the cache process, so a fill goes over a connection to the
// very run that gave the lease: if that has ended, so has the lease.
package cachelink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"memcache/backend/internal/storage"
)

// Config is what [New] needs: the nodes to begin with. The zero value of everything else
// stands for its default.
type Config struct {
	Nodes []string // their addresses: "unix:/path" or "host:port"
	Log   *slog.Logger

	Conns   int           // connections a node; 0: 4
	Timeout time.Duration // the budget of one request; 0: 200 ms. Large fills get more.
	Backoff time.Duration // how long a node that failed once is left alone; 0: 100 ms. It doubles up to 20 times that.
}

// The limits of leases in whole seconds, as the protocol has them. A hold has to
// outlast a commit.
const (
	leaseSeconds = 10
	holdSeconds  = 30
)

// Client is the cache of one backend. It is safe for concurrent use.
type Client struct {
	cfg       Config
	leases    leases
	restarted func(address string) // see OnRestart; nil for nothing to do

	nodes  atomic.Pointer[[]*node]
	mu     sync.Mutex // held to change nodes
	closed bool
}

var (
	_ storage.Cache     = (*Client)(nil)
	_ storage.CacheNode = (*node)(nil)
)

// New returns a client of the nodes. It does not connect yet: a cache that is
// down is no reason not to start.
func New(cfg Config) (*Client, error) {
	if len(cfg.Nodes) == 0 {
		return nil, errors.New("cachelink: no address of a cache node is given")
	}
	if cfg.Conns < 0 || cfg.Timeout < 0 || cfg.Backoff < 0 {
		return nil, fmt.Errorf("cachelink: a limit is negative: Conns %d, Timeout %v, Backoff %v", cfg.Conns, cfg.Timeout, cfg.Backoff)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Conns == 0 {
		cfg.Conns = 4
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 200 * time.Millisecond
	}
	if cfg.Backoff == 0 {
		cfg.Backoff = 100 * time.Millisecond
	}
	c := &Client{cfg: cfg}
	for _, address := range cfg.Nodes {
		if err := CheckAddress(address); err != nil {
			return nil, err
		}
	}
	c.nodes.Store(&[]*node{})
	c.Use(cfg.Nodes)
	return c, nil
}

// all returns the nodes.
func (c *Client) all() []*node { return *c.nodes.Load() }

// Use makes the nodes those with these addresses, of which those that were there
// keep their connections. Requests under way to the others fail.
func (c *Client) Use(addresses []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	var nodes, gone []*node
	for _, address := range addresses {
		nodes = append(nodes, c.keep(address))
	}
	for _, n := range c.all() {
		if !slices.Contains(nodes, n) {
			gone = append(gone, n)
		}
	}
	c.nodes.Store(&nodes)
	for _, n := range gone {
		n.close()
	}
}

// keep returns the node with an address, a new one if there is none.
func (c *Client) keep(address string) *node {
	if n, ok := c.find(address); ok {
		return n
	}
	n := newNode(address, c.cfg)
	n.leases, n.restarted = &c.leases, func() { c.newRun(address) }
	return n
}

func (c *Client) find(address string) (*node, bool) {
	for _, n := range c.all() {
		if n.name == address {
			return n, true
		}
	}
	return nil, false
}

// Node returns the node with an address. Requests to one that is not, or no more,
// among those of Use fail.
func (c *Client) Node(address string) storage.CacheNode {
	if n, ok := c.find(address); ok {
		return n
	}
	n := newNode(address, c.cfg)
	n.leases, n.restarted = &c.leases, func() {}
	n.close()
	return n
}

// OnRestart has f called with its address when a node is met for the first time in a run that
// began less than a hold's time ago: holds given to the run before may have been
// lost with it. No answer of the new run gets out before f has returned, which
// must not wait for anything. It is to be called before the first request.
func (c *Client) OnRestart(f func(address string)) { c.restarted = f }

func (c *Client) newRun(address string) {
	if c.restarted != nil {
		c.restarted(address)
	}
}

// Close ends all connections and waits for their goroutines. Requests under
// way, and those that come later, fail.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, n := range c.all() {
		n.close()
	}
	return nil
}

// checkKey refuses what would not be one word of the protocol.
func checkKey(key string) error {
	if key == "" || len(key) > 250 {
		return fmt.Errorf("cachelink: the cache key %q has %d bytes: 1 to 250 are allowed", key, len(key))
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] == 0x7f {
			return fmt.Errorf("cachelink: the cache key %q has the forbidden byte %#x", key, key[i])
		}
	}
	return nil
}

// Get looks key up, and asks for the lease if it is not there.
func (n *node) Get(ctx context.Context, key string) (storage.Lookup, error) {
	if err := checkKey(key); err != nil {
		return storage.Lookup{}, err
	}
	q := newCall(replyValue)
	q.line = appendGet(q.line, key)
	cn, err := n.do(ctx, q)
	if err != nil {
		return storage.Lookup{}, err
	}
	defer q.recycle()
	if q.found && q.value == nil {
		n.empty.Add(1)
	}
	switch {
	case q.value != nil:
		return storage.Lookup{Value: q.value.b, Release: q.value.free}, nil
	case q.found:
		return n.lookup(cn.run, q.answer), nil
	}
	return storage.Lookup{}, refused(n, q)
}

// appendGet appends the command that looks key up.
func appendGet(b []byte, key string) []byte {
	b = append(append(append(b, "mg "...), key...), " v c N"...)
	return append(strconv.AppendInt(b, leaseSeconds, 10), "\r\n"...)
}

// lookup is what an entry without a value says: a lease, somebody else's, or a
// writer's hold.
func (n *node) lookup(of run, r reply) storage.Lookup {
	if r.won {
		return storage.Lookup{Lease: n.leases.add(of, r.cas)}
	}
	return storage.Lookup{Held: !r.taken}
}

// Fill stores a value under a lease. Its flags are the time, for Describe.
func (n *node) Fill(ctx context.Context, key string, lease uint64, head, body []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	of, cas, ok := n.leases.find(lease)
	if !ok {
		return storage.ErrLeaseLost
	}
	q := newCall(replyLine)
	q.line = fmt.Appendf(q.line, "ms %s %d T0 F%d C%d\r\n", key, len(head)+len(body), uint32(time.Now().Unix()), cas)
	q.head, q.body = head, body
	err := n.doIn(ctx, of, q)
	if errors.Is(err, errStale) {
		return storage.ErrLeaseLost
	}
	if err != nil {
		return err
	}
	defer q.recycle()
	switch q.status() {
	case "HD":
		return nil
	case "EX", "NF":
		return storage.ErrLeaseLost
	}
	return refused(n, q) // NS: its policy does not want to keep it
}

// Release gives a lease up. A lease whose connection is gone expires by itself.
func (n *node) Release(ctx context.Context, key string, lease uint64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	of, cas, ok := n.leases.find(lease)
	if !ok {
		return nil
	}
	q := newCall(replyLine)
	q.line = fmt.Appendf(q.line, "md %s C%d\r\n", key, cas)
	err := n.doIn(ctx, of, q)
	if errors.Is(err, errStale) {
		return nil
	}
	if err != nil {
		return err
	}
	defer q.recycle()
	return expect(n, q, "HD", "NF", "EX")
}

// Hold replaces whatever key has by an empty value, which no lease survives and
// which gives none.
func (n *node) Hold(ctx context.Context, key string) error {
	return n.simple(ctx, key, fmt.Sprintf("ms %s 0 T%d\r\n\r\n", key, holdSeconds), "HD")
}

// Delete makes sure that key is not cached and that no lease on it can fill.
func (n *node) Delete(ctx context.Context, key string) error {
	return n.simple(ctx, key, "md "+key+"\r\n", "HD", "NF")
}

// Drop makes sure that key has neither value nor lease; a hold stays.
func (n *node) Drop(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	for {
		cas, there, err := n.dropped(ctx, key)
		if err != nil || !there {
			return err
		}
		q := newCall(replyLine)
		q.line = fmt.Appendf(q.line, "md %s C%d\r\n", key, cas)
		if _, err := n.do(ctx, q); err != nil {
			return err
		}
		changed := q.status() == "EX" // since it was looked at
		err = expect(n, q, "HD", "NF", "EX")
		q.recycle()
		if !changed {
			return err
		}
	}
}

// dropped looks at what Drop is to remove; there is nothing where there is a hold.
func (n *node) dropped(ctx context.Context, key string) (cas uint64, there bool, err error) {
	q := newCall(replyLine)
	q.line = append(append(append(q.line, "mg "...), key...), " s c\r\n"...)
	if _, err := n.do(ctx, q); err != nil {
		return 0, false, err
	}
	defer q.recycle()
	if err := expect(n, q, "HD", "EN"); err != nil || q.status() == "EN" {
		return 0, false, err
	}
	return parseLook(string(q.reply))
}

// parseLook reads "HD s99 c5 Z": a value, or the lease that Z tells of.
func parseLook(line string) (cas uint64, there bool, err error) {
	for flag := range strings.FieldsSeq(strings.TrimPrefix(line, "HD")) {
		switch {
		case flag[0] == 'c':
			cas, err = strconv.ParseUint(flag[1:], 10, 64)
		case flag[0] == 'Z', flag[0] == 's' && flag != "s0":
			there = true
		}
	}
	return cas, there, err
}

// simple sends a command on key that may be sent twice without harm.
func (n *node) simple(ctx context.Context, key, command string, good ...string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return n.command(ctx, command, good...)
}

// Clear empties every node.
func (c *Client) Clear(ctx context.Context) error {
	var errs []error
	for _, n := range c.all() {
		errs = append(errs, n.command(ctx, "flush_all\r\n", "OK"))
	}
	return errors.Join(errs...)
}

// MaxItem is the size of the largest value that every node takes; 0 until one
// has answered.
func (c *Client) MaxItem() int64 {
	least := int64(0)
	for _, n := range c.all() {
		if size := n.maxItem.Load(); size > 0 && (least == 0 || size < least) {
			least = size
		}
	}
	return least
}

// command sends a command that has a one-word reply, one of good.
func (n *node) command(ctx context.Context, command string, good ...string) error {
	q := newCall(replyLine)
	q.line = append(q.line, command...)
	if _, err := n.do(ctx, q); err != nil {
		return err
	}
	defer q.recycle()
	return expect(n, q, good...)
}

// expect fails unless q's reply is one of good.
func expect(n *node, q *call, good ...string) error {
	for _, g := range good {
		if q.status() == g {
			return nil
		}
	}
	return refused(n, q)
}

// RefusedError says that a node answered a command with anything but success.
type RefusedError struct {
	Node  string
	Reply string // the line it answered with
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the cache node %s refused a command: %q", e.Node, e.Reply)
}

func refused(n *node, q *call) error {
	return &RefusedError{Node: n.name, Reply: strings.TrimSpace(string(q.reply))}
}

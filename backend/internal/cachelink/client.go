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
	"hash/fnv"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"memcache/backend/internal/storage"
)

// Config is what [New] needs: the nodes. The zero value of everything else
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
	nodes     []*node
	leases    leases
	restarted func() // see OnRestart; nil for nothing to do
}

var _ storage.Cache = (*Client)(nil)

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
	c := &Client{}
	for _, address := range cfg.Nodes {
		n, err := newNode(address, cfg)
		if err != nil {
			return nil, err
		}
		n.restarted = c.newRun
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

// OnRestart has f called when a node is met for the first time in a run that
// began less than a hold's time ago: holds given to the run before may have been
// lost with it. No answer of the new run gets out before f has returned, which
// must not wait for anything. It is to be called before the first request.
func (c *Client) OnRestart(f func()) { c.restarted = f }

func (c *Client) newRun() {
	if c.restarted != nil {
		c.restarted()
	}
}

// Close ends all connections and waits for their goroutines. Requests under
// way, and those that come later, fail.
func (c *Client) Close() error {
	for _, n := range c.nodes {
		n.close()
	}
	return nil
}

// node returns the node of a key: the one with the highest hash of both, so
// that a node more or less moves few keys.
func (c *Client) node(key string) *node {
	best, bestScore := c.nodes[0], uint64(0)
	if len(c.nodes) == 1 {
		return best
	}
	for _, n := range c.nodes {
		h := fnv.New64a()
		h.Write([]byte(n.name))
		h.Write([]byte(key))
		if score := mix(h.Sum64()); score > bestScore {
			best, bestScore = n, score
		}
	}
	return best
}

// mix spreads a hash over all its bits: FNV alone keeps what the nodes' names
// differ in from the upper ones.
func mix(h uint64) uint64 {
	h ^= h >> 31
	h *= 0x9e3779b97f4a7c15
	h ^= h >> 29
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
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
func (c *Client) Get(ctx context.Context, key string) (storage.Lookup, error) {
	if err := checkKey(key); err != nil {
		return storage.Lookup{}, err
	}
	q := newCall(replyValue)
	q.line = appendGet(q.line, key)
	n := c.node(key)
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
		return c.lookup(cn.run, q.answer), nil
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
func (c *Client) lookup(of run, r reply) storage.Lookup {
	if r.won {
		return storage.Lookup{Lease: c.leases.add(of, r.cas)}
	}
	return storage.Lookup{Held: !r.taken}
}

// Fill stores a value under a lease. Its flags are the time, for Describe.
func (c *Client) Fill(ctx context.Context, key string, lease uint64, head, body []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	of, cas, ok := c.leases.find(lease)
	if !ok {
		return storage.ErrLeaseLost
	}
	q := newCall(replyLine)
	q.line = fmt.Appendf(q.line, "ms %s %d T0 F%d C%d\r\n", key, len(head)+len(body), uint32(time.Now().Unix()), cas)
	q.head, q.body = head, body
	err := c.node(key).doIn(ctx, of, q)
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
	return refused(c.node(key), q) // NS: its policy does not want to keep it
}

// Release gives a lease up. A lease whose connection is gone expires by itself.
func (c *Client) Release(ctx context.Context, key string, lease uint64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	of, cas, ok := c.leases.find(lease)
	if !ok {
		return nil
	}
	q := newCall(replyLine)
	q.line = fmt.Appendf(q.line, "md %s C%d\r\n", key, cas)
	err := c.node(key).doIn(ctx, of, q)
	if errors.Is(err, errStale) {
		return nil
	}
	if err != nil {
		return err
	}
	defer q.recycle()
	return expect(c.node(key), q, "HD", "NF", "EX")
}

// Hold replaces whatever key has by an empty value, which no lease survives and
// which gives none.
func (c *Client) Hold(ctx context.Context, key string) error {
	return c.simple(ctx, key, fmt.Sprintf("ms %s 0 T%d\r\n\r\n", key, holdSeconds), "HD")
}

// Delete makes sure that key is not cached and that no lease on it can fill.
func (c *Client) Delete(ctx context.Context, key string) error {
	return c.simple(ctx, key, "md "+key+"\r\n", "HD", "NF")
}

// Drop makes sure that key has neither value nor lease; a hold stays.
func (c *Client) Drop(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	for {
		cas, there, err := c.dropped(ctx, key)
		if err != nil || !there {
			return err
		}
		q := newCall(replyLine)
		q.line = fmt.Appendf(q.line, "md %s C%d\r\n", key, cas)
		if _, err := c.node(key).do(ctx, q); err != nil {
			return err
		}
		changed := q.status() == "EX" // since it was looked at
		err = expect(c.node(key), q, "HD", "NF", "EX")
		q.recycle()
		if !changed {
			return err
		}
	}
}

// dropped looks at what Drop is to remove; there is nothing where there is a hold.
func (c *Client) dropped(ctx context.Context, key string) (cas uint64, there bool, err error) {
	q := newCall(replyLine)
	q.line = append(append(append(q.line, "mg "...), key...), " s c\r\n"...)
	n := c.node(key)
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
func (c *Client) simple(ctx context.Context, key, command string, good ...string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return c.node(key).command(ctx, command, good...)
}

// Clear empties every node.
func (c *Client) Clear(ctx context.Context) error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.command(ctx, "flush_all\r\n", "OK"))
	}
	return errors.Join(errs...)
}

// MaxItem is the size of the largest value that every node takes; 0 until one
// has answered.
func (c *Client) MaxItem() int64 {
	least := int64(0)
	for _, n := range c.nodes {
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

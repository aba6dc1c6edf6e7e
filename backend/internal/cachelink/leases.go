package cachelink

import "sync"

// maxLeases bounds the leases that are remembered; the oldest are forgotten
// first, and then cannot fill any more.
const maxLeases = 4096

// leases maps the numbers handed out to the connection and cas they stand for.
type leases struct {
	mu   sync.Mutex
	last uint64
	ring [maxLeases]struct {
		number uint64
		cn     *conn
		cas    uint64
	}
}

func (l *leases) add(cn *conn, cas uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e := &l.ring[l.last%maxLeases]
	e.number, e.cn, e.cas = l.last, cn, cas
	return l.last
}

func (l *leases) find(number uint64) (*conn, uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.ring[number%maxLeases]
	return e.cn, e.cas, number != 0 && e.number == number
}

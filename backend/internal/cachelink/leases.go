package cachelink

import "sync"

// maxLeases bounds the leases that are remembered; the oldest are forgotten
// first, and then cannot fill any more.
const maxLeases = 4096

// leases maps the numbers handed out to the run and cas they stand for.
type leases struct {
	mu   sync.Mutex
	last uint64
	ring [maxLeases]struct {
		number uint64
		of     run
		cas    uint64
	}
}

func (l *leases) add(of run, cas uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e := &l.ring[l.last%maxLeases]
	e.number, e.of, e.cas = l.last, of, cas
	return l.last
}

func (l *leases) find(number uint64) (run, uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.ring[number%maxLeases]
	return e.of, e.cas, number != 0 && e.number == number
}

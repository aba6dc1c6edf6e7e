package store

import (
	"math"
	"sync/atomic"
	"time"
)

// Times are kept as ticks since the store began, by the monotonic clock, so
// that a clock that is set neither expires nor revives anything.
const (
	tickLength = 100 * time.Millisecond
	perSecond  = uint32(time.Second / tickLength)
)

// maxRelative is the longest expiry that counts from now, in seconds: 30 days.
// A larger one is Unix time.
const maxRelative = 60 * 60 * 24 * 30

// ticks returns the present tick, from 1.
func (s *Store) ticks() uint32 { return uint32(s.elapsed()/tickLength) + 1 }

// sinceStart returns a function that tells the time since the present. Without a
// clock of its own it reads the monotonic one alone, which takes a third of the
// time of time.Now.
func sinceStart(now func() time.Time) func() time.Duration {
	if now == nil {
		start := time.Now()
		return func() time.Duration { return time.Since(start) }
	}
	start := now()
	return func() time.Duration { return now().Sub(start) }
}

// tick returns the present tick, and does what is due.
func (s *Store) tick() uint32 {
	now := s.ticks()
	if at := s.flushAt.Load(); at != 0 && now >= at {
		s.reset()
	}
	return now
}

// expiry converts memcached's expiry into a tick; past tells that it lies
// behind already.
func (s *Store) expiry(exptime int64, now uint32) (tick uint32, past bool) {
	if exptime == 0 {
		return 0, false
	}
	if exptime > maxRelative {
		exptime -= s.now().Unix()
	}
	if exptime <= 0 {
		return 0, true
	}
	ahead := min(exptime, math.MaxUint32/int64(perSecond)) * int64(perSecond)
	return uint32(min(int64(now)+ahead, math.MaxUint32)), false
}

// setExpiry changes when the item expires.
func (s *Store) setExpiry(slot, tick uint32) {
	e := s.entry(slot)
	s.place(slot).expire = tick
	s.account(e, -1)
	atomic.StoreUint32(&e.expire, tick)
	s.account(e, 1)
	s.tellTouch(slot, tick)
}

func (e *entry) expired(now uint32) bool {
	at := e.expiry()
	return at != 0 && now >= at
}

// ttl is the time left in seconds, rounded up; -1 for ever.
func (e *entry) ttl(now uint32) int64 {
	at := e.expiry()
	if at == 0 {
		return -1
	}
	return (int64(at) - int64(now) + int64(perSecond) - 1) / int64(perSecond)
}

// idle is the time since the last access in seconds.
func (e *entry) idle(now uint32) int64 { return int64((now - e.lastAccess()) / perSecond) }

// expire takes an expired item out.
func (s *Store) expire(slot uint32) {
	e := s.entry(slot)
	if !e.is(lease) {
		s.tellGone(s.key(s.place(slot).item))
		c := &s.classes[e.class()]
		s.count.Reclaimed++
		c.Reclaimed++
		if !e.fetched() {
			s.count.ExpiredUnfetched++
			c.ExpiredUnfetched++
		}
	}
	s.remove(slot)
}

package store

import (
	"bytes"
	"errors"
	"strconv"
)

// DeltaOptions say what a delta does.
type DeltaOptions struct {
	Decrement bool
	By        uint64
	HasCAS    bool // only when the item's cas value is CAS
	CAS       uint64
	NewCAS    CAS
	HasTTL    bool // make it expire at TTL
	TTL       int64
	Vivify    bool // when there is no item, store one with Initial, to expire at VivifyTTL
	VivifyTTL int64
	Initial   uint64
}

// Number is what a delta leaves.
type Number struct {
	Value uint64
	CAS   uint64
	TTL   int64 // seconds left; -1 for ever
}

// errNotNumber is a value that is no number of at most 64 bits.
var errNotNumber = errors.New("the value is not a number")

// Delta adds to the decimal number that is stored under key, or subtracts from
// it: 64 bits, which wrap around upwards and stop at 0 downwards. The text never
// gets shorter: blanks fill it up. The outcome is Stored, Exists, NotFound or
// NotNumber; the error is ErrNoMemory.
func (s *Store) Delta(key []byte, o DeltaOptions) (Number, Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	slot, e := s.find(key, now)
	s.countDelta(o, e != nil)
	if e == nil {
		if !o.Vivify {
			return Number{}, NotFound, nil
		}
		return s.vivifyNumber(key, o, now)
	}
	if o.HasCAS && e.cas() != o.CAS {
		return Number{}, Exists, nil
	}
	n, err := s.number(slot)
	if err != nil {
		return Number{}, NotNumber, nil
	}
	n = o.apply(n)
	text := numberText(n, int(e.size))
	if err := s.rewrite(slot, key, text, o.NewCAS, func(to *entry) { to.stored(now) }); err != nil {
		return Number{}, NotStored, err
	}
	if o.HasTTL {
		s.setExpiryAfter(slot, o.TTL, now)
	}
	e = s.entry(slot)
	return Number{Value: n, CAS: e.cas(), TTL: e.ttl(now)}, Stored, nil
}

func (s *Store) countDelta(o DeltaOptions, hit bool) {
	hits, misses := &s.count.IncrHits, &s.count.IncrMisses
	if o.Decrement {
		hits, misses = &s.count.DecrHits, &s.count.DecrMisses
	}
	if hit {
		*hits++
	} else {
		*misses++
	}
}

func (o DeltaOptions) apply(n uint64) uint64 {
	if o.Decrement {
		return n - min(n, o.By)
	}
	return n + o.By
}

// number reads a value as memcached does: blanks before it, then digits, and
// nothing or a blank behind them. It is within the first block.
func (s *Store) number(slot uint32) (uint64, error) {
	const blanks = " \t\n\v\f\r"
	e := s.entry(slot)
	text := s.value(slot)
	if len(text) < int(e.size) {
		return 0, errNotNumber
	}
	text = bytes.TrimPrefix(bytes.TrimLeft(text, blanks), []byte{'+'})
	if i := bytes.IndexAny(text, blanks); i >= 0 {
		text = text[:i]
	}
	return strconv.ParseUint(string(text), 10, 64)
}

// numberText is the number in at least so many bytes.
func numberText(n uint64, size int) []byte {
	text := strconv.AppendUint(nil, n, 10)
	return append(text, bytes.Repeat([]byte{' '}, max(0, size-len(text)))...)
}

// value returns what the first block of an item has of its value.
func (s *Store) value(slot uint32) []byte {
	return s.arena.Head(s.place(slot).item)[s.entry(slot).skip():]
}

// vivifyNumber stores a new item with the initial number.
func (s *Store) vivifyNumber(key []byte, o DeltaOptions, now uint32) (Number, Outcome, error) {
	expire, past := s.expiry(o.VivifyTTL, now)
	if past {
		return Number{Value: o.Initial, CAS: s.takeCAS(o.NewCAS)}, Stored, nil
	}
	text := strconv.AppendUint(nil, o.Initial, 10)
	w, err := s.write(key, text, entryCharge)
	if err != nil {
		return Number{}, NotStored, err
	}
	e := s.newEntry(len(text), 0, expire, now, o.NewCAS)
	s.add(key, &w, e)
	return Number{Value: o.Initial, CAS: e.cas(), TTL: e.ttl(now)}, Stored, nil
}

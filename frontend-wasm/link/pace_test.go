package link

import (
	"testing"
	"time"

	"memcache/shared/api"
)

// simulate sends size bytes over a line with so many bytes a second and returns
// how long the longest queue on it took, and how long all.
func simulate(size, rate int64, latency time.Duration) (queued, total time.Duration) {
	type ack struct {
		offset int64
		at     time.Time
	}
	p, start := newPace(), time.Now()
	now, free := start, start // free: when the line has sent what it was given
	var acks []ack
	for offset, taken := int64(0), int64(0); taken < size; {
		if n := min(api.ChunkBytes, size-offset); n > 0 && p.allows(offset+n, taken) {
			offset += n
			p.sent(offset, now)
			if free.Before(now) {
				free = now
			}
			free = free.Add(time.Duration(n) * time.Second / time.Duration(rate))
			acks = append(acks, ack{offset, free.Add(latency)})
			queued = max(queued, free.Sub(now))
			continue
		}
		now, taken = acks[0].at, acks[0].offset
		acks = acks[1:]
		p.taken(taken, now)
	}
	return queued, now.Sub(start)
}

func TestPaceKeepsSlowLinesFreeAndFastOnesBusy(t *testing.T) {
	for _, c := range []struct {
		name      string
		size      int64
		rate      int64 // bytes a second
		latency   time.Duration
		maxQueued time.Duration
		maxTotal  time.Duration
	}{
		{"1 Mbit/s", 8 << 20, 125_000, 50 * time.Millisecond, 4500 * time.Millisecond, 70 * time.Second}, // a window would be 17 s
		{"10 Mbit/s", 32 << 20, 1_250_000, 30 * time.Millisecond, 2 * time.Second, 29 * time.Second},
		{"100 Mbit/s far away", 128 << 20, 12_500_000, 150 * time.Millisecond, time.Second, 14 * time.Second},
		{"local", 256 << 20, 500_000_000, time.Millisecond, time.Second, 2 * time.Second},
	} {
		queued, total := simulate(c.size, c.rate, c.latency)
		if queued > c.maxQueued || total > c.maxTotal {
			t.Errorf("%s: %v were queued and it took %v, want at most %v and %v", c.name, queued, total, c.maxQueued, c.maxTotal)
		}
	}
}

func TestPaceNeverStandsStill(t *testing.T) {
	p := newPace()
	for now, end := time.Now(), int64(0); end < 100; end++ {
		p.sent(end, now)
		now = now.Add(time.Hour)
		p.taken(end, now)
	}
	if p.ahead != api.ChunkBytes || !p.allows(api.ChunkBytes, 0) {
		t.Errorf("after the slowest line: %d bytes ahead, want a chunk", p.ahead)
	}
}

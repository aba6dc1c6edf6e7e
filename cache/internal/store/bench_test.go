package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sys/unix"

	"memcache/cache/policy"
)

// The peer of these benchmarks is otter v2, the fastest cache library for Go
// that has a good policy. It keeps values on the Go heap and hands out
// references; a store lends its values until the next lookup.

const lookupKeys = 1 << 16

// turn is how many lookups a server does before it looks for more requests.
const turn = 64

// BenchmarkLookup looks up what is there: 65,536 keys, asked for by Zipf's law,
// by GOMAXPROCS goroutines. The keys come as a server has them: in the buffer
// that its requests were read to, not as the strings that were stored. Run it
// with -cpu 2 and -count 5 or more.
func BenchmarkLookup(b *testing.B) {
	value := strings.Repeat("x", 100)
	keys := zipfKeys()
	size := len(benchKey(0))
	n := len(keys) / size
	b.Run("otter", func(b *testing.B) {
		c := otter.Must(&otter.Options[string, []byte]{MaximumSize: 2 * lookupKeys})
		defer c.StopAllGoroutines()
		for i := range lookupKeys {
			c.Set(benchKey(i), []byte(value))
		}
		inParallel(b, func(pb *testing.PB) {
			for i := rand.IntN(n) * size; pb.Next(); {
				if v, ok := c.GetIfPresent(unsafe.String(&keys[i], size)); !ok || len(v) != len(value) {
					b.Error("a key is missing")
				}
				if i += size; i == len(keys) {
					i = 0
				}
			}
		})
	})
	for _, info := range policy.Infos() {
		b.Run(info.Name, func(b *testing.B) {
			s := newStore(b, Config{Capacity: 64 * mb, ItemLimit: mb, Policy: info.Name})
			for i := range lookupKeys {
				benchSet(b, s, benchKey(i), value)
			}
			inParallel(b, func(pb *testing.PB) {
				r := s.NewReader()
				defer r.Flush()
				for i, turns := rand.IntN(n)*size, 0; pb.Next(); turns++ {
					if turns%turn == 0 {
						r.Tick()
					}
					f, ok := r.Find(keys[i:][:size])
					if !ok || f.Value().size() != len(value) {
						b.Error("a key is missing")
						return
					}
					if i += size; i == len(keys) {
						i = 0
					}
				}
			})
		})
	}
}

func benchKey(i int) string { return fmt.Sprintf("object:%08d", i) }

// zipfKeys are the keys to ask for, one behind the other.
func zipfKeys() (keys []byte) {
	var names [lookupKeys]string
	for i := range names {
		names[i] = benchKey(i)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	zipf := rand.NewZipf(rng, 1.01, 1, lookupKeys-1)
	for range 1 << 18 {
		keys = append(keys, names[zipf.Uint64()]...)
	}
	return keys
}

func benchSet(tb testing.TB, s *Store, key, value string) {
	tb.Helper()
	var w Writer
	if err := write(s, &w, key, value); err != nil {
		tb.Fatal(err)
	}
	if outcome, _, err := w.Commit(SetOptions{}); outcome != Stored || err != nil {
		tb.Fatal(outcome, err)
	}
}

const million = 1_000_000

// BenchmarkCollect is one cycle of the garbage collector with 1,000,000 entries.
func BenchmarkCollect(b *testing.B) {
	collect := func(b *testing.B) {
		runtime.GC()
		for b.Loop() {
			runtime.GC()
		}
	}
	b.Run("nothing", collect)
	b.Run("otter", func(b *testing.B) {
		c := otter.Must(&otter.Options[string, []byte]{MaximumSize: 2 * million})
		for i := range million {
			c.Set(benchKey(i), make([]byte, 100))
		}
		collect(b)
		if c.EstimatedSize() != million {
			b.Errorf("%d entries", c.EstimatedSize())
		}
		c.StopAllGoroutines()
	})
	b.Run("store", func(b *testing.B) {
		s := filledStore(b, policy.Default)
		collect(b)
		if n := s.Stats().Items; n != million {
			b.Errorf("%d entries", n)
		}
	})
}

// filledStore has 1,000,000 entries with values of 100 bytes.
func filledStore(tb testing.TB, policyName string) *Store {
	s := newStore(tb, Config{Capacity: 1 << 30, ItemLimit: mb, Policy: policyName})
	value := strings.Repeat("x", 100)
	for i := range million {
		benchSet(tb, s, benchKey(i), value)
	}
	return s
}

// BenchmarkEntry tells how much heap an entry takes: the entry itself, its place
// in the index and in the policy. Keys and values are not on the heap.
func BenchmarkEntry(b *testing.B) {
	for _, info := range policy.Infos() {
		b.Run(info.Name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				s := filledStore(b, info.Name)
				b.ReportMetric(float64(heap()-before)/million, "B/entry")
				if s.Stats().Items != million {
					b.Error("entries are missing")
				}
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkSwitch switches the policy of 1,000,000 entries, and tells how long a
// step works under the lock at most, and half of the time: processor time, which
// other programs do not lengthen.
func BenchmarkSwitch(b *testing.B) {
	for _, info := range policy.Infos() {
		b.Run("from-"+info.Name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			s := filledStore(b, info.Name)
			var steps []time.Duration
			names := []string{policy.Default, info.Name}
			for i := 0; b.Loop(); i++ {
				s.beginSwitch(names[i%2], newPolicy(names[i%2], 1))
				for more := true; more; {
					start := threadTime(b)
					more = s.moveSome(step)
					steps = append(steps, threadTime(b)-start)
				}
			}
			reportSteps(b, steps)
		})
	}
}

// inParallel runs lookups in as many goroutines as there are processors.
func inParallel(b *testing.B, body func(pb *testing.PB)) {
	b.ResetTimer()
	before := cpu(b)
	b.RunParallel(body)
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

func reportSteps(b *testing.B, steps []time.Duration) {
	slices.Sort(steps)
	b.ReportMetric(float64(steps[len(steps)/2].Microseconds()), "µs/step-median")
	b.ReportMetric(float64(steps[len(steps)*999/1000].Microseconds()), "µs/step-99.9%")
	b.ReportMetric(float64(steps[len(steps)-1].Microseconds()), "µs/step-max")
}

// threadTime is the processor time that the thread has used.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// cpu is the processor time that the process has used. On a machine that others
// use too, it says more than the time that has passed.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

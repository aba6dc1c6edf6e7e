package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"memcache/backend/internal/storage"
)

// CacheUnderTest is a cache of one node.
type CacheUnderTest interface {
	storage.CacheNode
	Clear(ctx context.Context) error
	MaxItem() int64
}

// Cache runs the conformance suite of [storage.Cache] and [storage.CacheNode]. open returns an empty
// cache of the test's own that takes items of 512 KiB at least, and closes it
// at the test's end.
func Cache(t *testing.T, open func(t *testing.T) CacheUnderTest) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, CacheUnderTest)
	}{
		{"OneLease", cacheOneLease},
		{"FillWithoutLease", cacheFillWithoutLease},
		{"DeleteEndsLease", cacheDeleteEndsLease},
		{"OldLeaseLosesToNew", cacheOldLease},
		{"FillTwice", cacheFillTwice},
		{"Release", cacheRelease},
		{"ReleaseIsOfOneLease", cacheReleaseOfOther},
		{"Hold", cacheHold},
		{"HoldOfNothing", cacheHoldOfNothing},
		{"DeleteAbsent", cacheDeleteAbsent},
		{"Drop", cacheDrop},
		{"Describe", cacheDescribe},
		{"Clear", cacheClear},
		{"Sizes", cacheSizes},
		{"TooLarge", cacheTooLarge},
		{"ValueStays", cacheValueStays},
		{"Cancelled", cacheCancelled},
		{"Concurrent", cacheConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// get looks key up and gives the memory back.
func get(t *testing.T, c CacheUnderTest, key string) storage.Lookup {
	t.Helper()
	l, err := c.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if l.Release != nil {
		value := bytes.Clone(l.Value)
		l.Release()
		l.Value = value
	}
	return l
}

func mustLease(t *testing.T, c CacheUnderTest, key string) uint64 {
	t.Helper()
	l := get(t, c, key)
	if l.Value != nil || l.Lease == 0 {
		t.Fatalf("Get(%q) = a value of %d bytes, lease %d, held %t; want the lease", key, len(l.Value), l.Lease, l.Held)
	}
	return l.Lease
}

func mustFill(t *testing.T, c CacheUnderTest, key string, lease uint64, value string) {
	t.Helper()
	if err := c.Fill(t.Context(), key, lease, []byte("head "), []byte(value)); err != nil {
		t.Fatalf("Fill(%q): %v", key, err)
	}
}

func wantLost(t *testing.T, c CacheUnderTest, key string, lease uint64) {
	t.Helper()
	if err := c.Fill(t.Context(), key, lease, []byte("old "), []byte("bytes")); !errors.Is(err, storage.ErrLeaseLost) {
		t.Fatalf("Fill(%q) under a lost lease: %v", key, err)
	}
}

func wantValue(t *testing.T, c CacheUnderTest, key, value string) {
	t.Helper()
	if l := get(t, c, key); string(l.Value) != "head "+value {
		t.Fatalf("Get(%q) = %q, want %q", key, l.Value, "head "+value)
	}
}

// wantNothing checks that key has neither a value nor a lease to give.
func wantNothing(t *testing.T, c CacheUnderTest, key string, held bool) {
	t.Helper()
	if l := get(t, c, key); l.Value != nil || l.Lease != 0 || l.Held != held {
		t.Fatalf("Get(%q) = %q, lease %d, held %t; want nothing, held %t", key, l.Value, l.Lease, l.Held, held)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cacheOneLease(t *testing.T, c CacheUnderTest) {
	lease := mustLease(t, c, "k")
	wantNothing(t, c, "k", false)
	mustFill(t, c, "k", lease, "value")
	wantValue(t, c, "k", "value")
	wantValue(t, c, "k", "value")
}

func cacheFillWithoutLease(t *testing.T, c CacheUnderTest) {
	wantLost(t, c, "k", 0)
	wantLost(t, c, "k", 12345)
	mustLease(t, c, "k")
}

func cacheDeleteEndsLease(t *testing.T, c CacheUnderTest) {
	lease := mustLease(t, c, "k")
	must(t, c.Delete(t.Context(), "k"))
	wantLost(t, c, "k", lease)
	mustLease(t, c, "k") // and so nothing was stored
}

func cacheOldLease(t *testing.T, c CacheUnderTest) {
	older := mustLease(t, c, "k")
	must(t, c.Delete(t.Context(), "k"))
	newer := mustLease(t, c, "k")
	wantLost(t, c, "k", older)
	mustFill(t, c, "k", newer, "new")
	wantLost(t, c, "k", older)
	wantValue(t, c, "k", "new")
}

func cacheFillTwice(t *testing.T, c CacheUnderTest) {
	lease := mustLease(t, c, "k")
	mustFill(t, c, "k", lease, "first")
	wantLost(t, c, "k", lease)
	wantValue(t, c, "k", "first")
}

func cacheRelease(t *testing.T, c CacheUnderTest) {
	lease := mustLease(t, c, "k")
	must(t, c.Release(t.Context(), "k", lease))
	if next := mustLease(t, c, "k"); next == lease {
		t.Fatalf("the next reader got the lease %d again", lease)
	}
	wantLost(t, c, "k", lease)
}

func cacheReleaseOfOther(t *testing.T, c CacheUnderTest) {
	older := mustLease(t, c, "k")
	must(t, c.Delete(t.Context(), "k"))
	newer := mustLease(t, c, "k")
	must(t, c.Release(t.Context(), "k", older))
	mustFill(t, c, "k", newer, "value")
	must(t, c.Release(t.Context(), "k", newer))
	wantValue(t, c, "k", "value")
}

func cacheHold(t *testing.T, c CacheUnderTest) {
	mustFill(t, c, "k", mustLease(t, c, "k"), "old")
	must(t, c.Hold(t.Context(), "k"))
	wantNothing(t, c, "k", true)
	must(t, c.Hold(t.Context(), "k"))
	must(t, c.Delete(t.Context(), "k"))
	mustLease(t, c, "k")
}

func cacheHoldOfNothing(t *testing.T, c CacheUnderTest) {
	lease := mustLease(t, c, "k")
	must(t, c.Hold(t.Context(), "k"))
	wantLost(t, c, "k", lease)
	must(t, c.Release(t.Context(), "k", lease))
	wantNothing(t, c, "k", true)
	must(t, c.Delete(t.Context(), "k"))
	wantLost(t, c, "k", lease)
	mustLease(t, c, "k")
}

func cacheDrop(t *testing.T, c CacheUnderTest) {
	must(t, c.Drop(t.Context(), "k"))
	lease := mustLease(t, c, "k")
	must(t, c.Drop(t.Context(), "k"))
	wantLost(t, c, "k", lease)
	mustFill(t, c, "k", mustLease(t, c, "k"), "value")
	must(t, c.Drop(t.Context(), "k"))
	mustLease(t, c, "k")
	must(t, c.Hold(t.Context(), "k"))
	must(t, c.Drop(t.Context(), "k"))
	wantNothing(t, c, "k", true)
}

func cacheDeleteAbsent(t *testing.T, c CacheUnderTest) {
	must(t, c.Delete(t.Context(), "absent"))
	must(t, c.Delete(t.Context(), "absent"))
}

func cacheClear(t *testing.T, c CacheUnderTest) {
	mustFill(t, c, "a", mustLease(t, c, "a"), "value")
	lease := mustLease(t, c, "b")
	must(t, c.Clear(t.Context()))
	wantLost(t, c, "b", lease)
	mustFill(t, c, "a", mustLease(t, c, "a"), "again")
	wantValue(t, c, "a", "again")
}

func cacheSizes(t *testing.T, c CacheUnderTest) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 511, 512, 513, 4096, 65535, 65536, 100_000, 500_000} {
		key := fmt.Sprint("size-", size)
		body := randomBytes(random, size)
		head := []byte("h")
		must(t, c.Fill(t.Context(), key, mustLease(t, c, key), head, body))
		if l := get(t, c, key); !bytes.Equal(l.Value, append(head, body...)) {
			t.Errorf("a body of %d bytes came back as a value of %d bytes", size, len(l.Value))
		}
	}
}

// randomBytes contain line ends and all that a text protocol may trip over.
func randomBytes(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
		if i%17 == 0 {
			b[i] = "\r\n"[i%2]
		}
	}
	return b
}

func cacheTooLarge(t *testing.T, c CacheUnderTest) {
	lease := mustLease(t, c, "k")
	if c.MaxItem() < 512<<10 {
		t.Fatalf("MaxItem is %d", c.MaxItem())
	}
	body := make([]byte, c.MaxItem()+4096)
	if err := c.Fill(t.Context(), "k", lease, []byte("head"), body); err == nil || errors.Is(err, storage.ErrLeaseLost) {
		t.Fatalf("Fill with %d bytes over the limit: %v", 4096, err)
	}
	must(t, c.Release(t.Context(), "k", lease))
	mustFill(t, c, "k", mustLease(t, c, "k"), "small")
	wantValue(t, c, "k", "small")
}

func cacheValueStays(t *testing.T, c CacheUnderTest) {
	for _, key := range []string{"a", "b"} {
		mustFill(t, c, key, mustLease(t, c, key), key+key+key)
	}
	a, err := c.Get(t.Context(), "a")
	must(t, err)
	wantValue(t, c, "b", "bbb")
	if string(a.Value) != "head aaa" {
		t.Errorf("a value that was not released became %q", a.Value)
	}
	a.Release()
	wantValue(t, c, "a", "aaa")
}

func cacheCancelled(t *testing.T, c CacheUnderTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, "k"); err == nil {
		t.Error("Get with a cancelled context succeeded")
	}
	must(t, c.Delete(t.Context(), "k"))
	mustFill(t, c, "k", mustLease(t, c, "k"), "value")
	wantValue(t, c, "k", "value")
}

// cacheConcurrent has many clients fill, read and delete few keys; every value
// must be one that was filled under its key.
func cacheConcurrent(t *testing.T, c CacheUnderTest) {
	inParallel(16, func(i int) {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		for range 100 {
			key := fmt.Sprint("key-", random.IntN(5))
			if err := concurrentStep(t.Context(), c, key, random); err != nil {
				t.Error(err)
				return
			}
		}
	})
}

func concurrentStep(ctx context.Context, c CacheUnderTest, key string, random *rand.Rand) error {
	if random.IntN(10) == 0 {
		return c.Delete(ctx, key)
	}
	l, err := c.Get(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("Get: %w", err)
	case l.Lease != 0:
		body := bytes.Repeat([]byte(key), 1+random.IntN(5000))
		if err := c.Fill(ctx, key, l.Lease, nil, body); err != nil && !errors.Is(err, storage.ErrLeaseLost) {
			return fmt.Errorf("Fill: %w", err)
		}
	case l.Value != nil:
		defer l.Release()
		if n := len(l.Value) / len(key); !bytes.Equal(l.Value, bytes.Repeat([]byte(key), n)) {
			return fmt.Errorf("the value of %q is not its own", key)
		}
	}
	return nil
}

// cacheDescribe checks that only a value is described, and that this is no access.
func cacheDescribe(t *testing.T, c CacheUnderTest) {
	describe := func() storage.Cached {
		t.Helper()
		d, err := c.Describe(t.Context(), "k")
		must(t, err)
		return d
	}
	if d := describe(); d != (storage.Cached{}) {
		t.Errorf("nothing is described as %+v", d)
	}
	lease := mustLease(t, c, "k")
	if d := describe(); d != (storage.Cached{}) {
		t.Errorf("a lease is described as %+v", d)
	}
	begin := time.Now().Truncate(time.Second)
	must(t, c.Fill(t.Context(), "k", lease, []byte("head"), []byte("body")))
	for range 2 {
		d := describe()
		known := d.Since.IsZero() || !d.Since.Before(begin) && !d.Since.After(time.Now())
		if !d.Found || d.Read || d.Bytes < 8 || !known || d.Idle < 0 || d.Idle > time.Since(begin)+2*time.Second {
			t.Errorf("a value that nobody has read is described as %+v", d)
		}
	}
	get(t, c, "k")
	d := describe()
	for deadline := time.Now().Add(10 * time.Second); !d.Read && time.Now().Before(deadline); {
		d = describe() // a cache may note reads a moment later
	}
	if !d.Found || !d.Read {
		t.Errorf("a value that was read is described as %+v", d)
	}
	must(t, c.Hold(t.Context(), "k"))
	if d := describe(); d.Found {
		t.Errorf("a hold is described as %+v", d)
	}
}

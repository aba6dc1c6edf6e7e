package policy_test

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"memcache/cache/internal/splitmix"
	"memcache/cache/policy"
)

func TestEveryPolicyIsMadeByItsName(t *testing.T) {
	for _, info := range policy.Infos() {
		p, err := policy.New(info.Name, 1)
		if err != nil || p.Len() != 0 {
			t.Errorf("New(%q): %v", info.Name, err)
		}
		if info.Title == "" || !strings.HasSuffix(info.About, ".") {
			t.Errorf("%q is not described: %+v", info.Name, info)
		}
	}
	if _, err := policy.New(policy.Default, 1); err != nil {
		t.Errorf("the default: %v", err)
	}
}

func TestAnUnknownNameIsAnsweredWithTheKnownOnes(t *testing.T) {
	_, err := policy.New("clairvoyant", 1)
	if err == nil {
		t.Fatal("an unknown policy was made")
	}
	for _, want := range []string{`"clairvoyant"`, "lru", "random"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
}

func TestLRUEvictsTheLeastRecentlyUsed(t *testing.T) {
	p := filled(t, "lru", 5)
	p.Access(0)
	p.Access(3)
	p.Access(3)
	p.Remove(2)
	if got, want := evictAll(p), []uint32{1, 4, 0, 3}; !slices.Equal(got, want) {
		t.Errorf("evicted %v, want %v", got, want)
	}
}

func TestSlotsAreReused(t *testing.T) {
	for _, info := range policy.Infos() {
		p := filled(t, info.Name, 3)
		p.Remove(1)
		p.Add(1, policy.Object{})
		got := evictAll(p)
		slices.Sort(got)
		if !slices.Equal(got, []uint32{0, 1, 2}) {
			t.Errorf("%s evicted %v", info.Name, got)
		}
		if _, ok := p.Evict(); ok || p.Len() != 0 {
			t.Errorf("%s is not empty after evicting everything", info.Name)
		}
	}
}

// Every slot must be the first victim equally often: chi-squared over 64 slots
// stays below the 99.99 % quantile of 63 degrees of freedom.
func TestRandomIsUniform(t *testing.T) {
	const slots, rounds = 64, 64_000
	p := filled(t, "random", slots)
	var count [slots]float64
	for range rounds {
		slot, _ := p.Evict()
		count[slot]++
		p.Add(slot, policy.Object{})
	}
	var chi2 float64
	for _, n := range count {
		chi2 += math.Pow(n-rounds/slots, 2) / (rounds / slots)
	}
	if chi2 > 113 {
		t.Errorf("chi-squared is %.1f: %v", chi2, count)
	}
}

func TestRandomDependsOnItsSeedAlone(t *testing.T) {
	order := func(seed uint64) []uint32 {
		p, _ := policy.New("random", seed)
		for slot := range uint32(100) {
			p.Add(slot, policy.Object{})
		}
		return evictAll(p)
	}
	if !slices.Equal(order(7), order(7)) {
		t.Error("the same seed evicts in two orders")
	}
	if slices.Equal(order(7), order(8)) {
		t.Error("two seeds evict in the same order")
	}
	// The same numbers natively and under WebAssembly.
	if got, want := order(7)[:8], []uint32{38, 1, 88, 56, 43, 23, 95, 30}; !slices.Equal(got, want) {
		t.Errorf("seed 7 evicts %v first, want %v", got, want)
	}
}

func TestMoveKeepsTheOrderAndDropsNothing(t *testing.T) {
	from, to := filled(t, "lru", 4), filled(t, "lru", 0)
	from.Access(1)
	one := func(uint32) policy.Object { return policy.Object{Size: 1, Charge: 1} }
	for policy.MoveSome(from, to, 7, one) {
	}
	if got, want := evictAll(to), []uint32{0, 2, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("after the move the order is %v, want %v", got, want)
	}
	if from.Len() != 0 {
		t.Errorf("%d slots were left behind", from.Len())
	}
}

// Many accesses at once are the same as one after the other.
func TestAccessAllIsAccessOfEach(t *testing.T) {
	rng := splitmix.New(1)
	all, each := filled(t, policy.Default, 0), filled(t, policy.Default, 0)
	for round := range uint32(200) {
		first := 20 * round
		for slot := first; slot < first+20; slot++ {
			o := policy.Object{Hash: rng.Next(), Size: 10, Charge: 1 + int64(rng.Below(1000))}
			all.Add(slot, o)
			each.Add(slot, o)
		}
		slots := make([]uint32, rng.Below(100))
		for i := range slots {
			slots[i] = first + uint32(rng.Below(20))
			each.Access(slots[i])
		}
		policy.AccessAll(all, slots)
		for range 10 {
			got, _ := all.Evict()
			if want, _ := each.Evict(); got != want {
				t.Fatalf("slot %d goes, want %d", got, want)
			}
		}
	}
}

// To age by many accesses is to age by each of them.
func TestAgeIsAgeByEach(t *testing.T) {
	rng := splitmix.New(9)
	all, each := filled(t, policy.Default, 0).(policy.Ageing), filled(t, policy.Default, 0).(policy.Ageing)
	for slot := range uint32(3_000) {
		o := policy.Object{Hash: rng.Next(), Size: 10, Charge: 1 + int64(rng.Below(1000))}
		all.Add(slot, o)
		each.Add(slot, o)
		used := uint32(rng.Below(uint64(slot + 1)))
		all.Access(used)
		each.Access(used)
		n := int(rng.Below(200))
		all.Age(n)
		for range n {
			each.Age(1)
		}
		if got, want := policy.Uses(all, used), policy.Uses(each, used); got != want {
			t.Fatalf("slot %d has %d uses, want %d", used, got, want)
		}
	}
	if got, want := evictAll(all), evictAll(each); !slices.Equal(got, want) {
		t.Error("other objects go")
	}
}

// Who tells a policy only of accesses to what is not saturated gets the same
// victims, and the same uses.
func TestSaturatedObjectsNeedNoAccess(t *testing.T) {
	for _, name := range []string{"fifo", "random", "sieve", "s3fifo"} {
		rng := splitmix.New(3)
		all, spared := filled(t, name, 0), filled(t, name, 0).(policy.Saturable)
		saturated, skipped, decayed := map[uint32]bool{}, 0, 0
		spared.OnDecay(func(slot uint32) {
			if saturated[slot] {
				decayed++
			}
			delete(saturated, slot)
		})
		for round := range uint32(300) {
			for slot := 20 * round; slot < 20*round+20; slot++ {
				o := policy.Object{Hash: rng.Next(), Size: 10, Charge: 1 + int64(rng.Below(1000)), Uses: uint8(rng.Below(16))}
				all.Add(slot, o)
				spared.Add(slot, o)
			}
			for range 400 {
				slot := 20*round + uint32(rng.Below(20))
				all.Access(slot)
				if saturated[slot] {
					skipped++
					continue
				}
				spared.Access(slot)
				saturated[slot] = spared.Saturated(slot)
			}
			for range 15 {
				got, _ := spared.Evict()
				if want, _ := all.Evict(); got != want {
					t.Fatalf("%s: slot %d goes, want %d", name, got, want)
				}
				delete(saturated, got)
			}
			for slot := range saturated {
				if policy.Uses(spared, slot) != policy.Uses(all, slot) {
					t.Fatalf("%s: %d uses, want %d", name, policy.Uses(spared, slot), policy.Uses(all, slot))
				}
			}
		}
		if decays := name == "sieve" || name == "s3fifo"; skipped == 0 || decays != (decayed > 0) {
			t.Errorf("%s: %d accesses were spared, %d objects decayed", name, skipped, decayed)
		}
	}
}

// What takes the place of an object, in this policy or in another, is known to
// have been asked for as often.
func TestUsesGoAlong(t *testing.T) {
	for _, name := range []string{"lfuda", "s3fifo", "sieve", "gdsf"} {
		p := filled(t, name, 0)
		for slot := range uint32(20) {
			p.Add(slot, policy.Object{Hash: uint64(slot+1) << 40, Size: 1, Charge: 1})
			for range slot % 7 {
				p.Access(slot)
			}
		}
		for range 3 { // again and again: the count stays the same
			p.Remove(4)
			uses := policy.Uses(p, 4)
			p.Add(4, policy.Object{Hash: 5 << 40, Size: 1, Charge: 1, Uses: uses})
			if uses != 4 {
				t.Errorf("%s: %d uses after a removal, want 4", name, uses)
			}
		}
		for policy.MoveSome(p, filled(t, "lru", 0), 1, func(slot uint32) policy.Object {
			if got := policy.Uses(p, slot); got != uint8(slot%7) {
				t.Errorf("%s: %d uses of slot %d, want %d", name, got, slot, slot%7)
			}
			return policy.Object{}
		}) {
		}
	}
}

// The default's sketch remembers by itself: to be told of uses that it knows adds
// none.
func TestUsesThatAreKnownAreNotCountedTwice(t *testing.T) {
	p := filled(t, policy.Default, 0)
	o := policy.Object{Hash: 1 << 40, Size: 1, Charge: 1, Uses: 6}
	p.Add(0, o)
	if got := policy.Uses(p, 0); got != 6 {
		t.Errorf("%d uses, want 6", got)
	}
	p.Remove(0)
	p.Add(0, o)
	if got := policy.Uses(p, 0); got != 7 { // storing counts as a use
		t.Errorf("%d uses after it was stored again, want 7", got)
	}
}

func BenchmarkEvict(b *testing.B) {
	for _, info := range policy.Infos() {
		b.Run(info.Name, func(b *testing.B) {
			p, _ := policy.New(info.Name, 1)
			for slot := range uint32(1_000_000) {
				p.Add(slot, policy.Object{})
			}
			for b.Loop() {
				slot, _ := p.Evict()
				p.Add(slot, policy.Object{})
			}
		})
	}
}

func BenchmarkAccess(b *testing.B) {
	const slots = 1 << 16
	rng := splitmix.New(1)
	order := make([]uint32, slots)
	for i := range order {
		order[i] = uint32(min(rng.Below(slots), rng.Below(slots), rng.Below(slots)))
	}
	for _, info := range policy.Infos() {
		b.Run(info.Name, func(b *testing.B) {
			p, _ := policy.New(info.Name, 1)
			for slot := range uint32(slots) {
				p.Add(slot, policy.Object{Hash: rng.Next(), Size: 1000, Charge: 1000})
			}
			i := 0
			for b.Loop() {
				p.Access(order[i%slots])
				i++
			}
		})
	}
}

// A million objects take what the package promises, and growing never holds
// more than a page and the table of pages twice.
func TestMemoryForAMillionObjects(t *testing.T) {
	const slots = 1 << 20
	for _, info := range policy.Infos() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		p, _ := policy.New(info.Name, 1)
		for slot := range uint32(slots) {
			p.Add(slot, policy.Object{Hash: uint64(slot) * 0x9e3779b97f4a7c15, Size: 1000, Charge: 1000})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := float64(after.HeapAlloc-before.HeapAlloc) / slots
		t.Logf("%s: %.1f bytes an object", info.Name, each)
		if each > 24.5 {
			t.Errorf("%s takes %.1f bytes an object", info.Name, each)
		}
		runtime.KeepAlive(p)
	}
}

func filled(t *testing.T, name string, n uint32) policy.Policy {
	t.Helper()
	p, err := policy.New(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	for slot := range n {
		p.Add(slot, policy.Object{Size: 1, Charge: 1})
	}
	return p
}

func evictAll(p policy.Policy) (slots []uint32) {
	for {
		slot, ok := p.Evict()
		if !ok {
			return slots
		}
		slots = append(slots, slot)
	}
}

package storage_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// caches are nodes that can be made unreachable each by itself.
type caches struct {
	mu   sync.Mutex
	all  map[string]*cache
	same *caches // whose content they have
	used []string
}

func (c *caches) Node(address string) storage.CacheNode { return c.at(address) }

func (c *caches) at(address string) *cache {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*cache{}
	}
	if c.all[address] == nil {
		c.all[address] = &cache{}
		if c.same != nil {
			c.all[address].same = c.same.at(address)
		}
	}
	return c.all[address]
}

func (c *caches) Use(addresses []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = addresses
}

func (c *caches) Clear(ctx context.Context) error {
	for _, address := range c.used {
		if err := c.at(address).Clear(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *caches) MaxItem() int64 { return 1 << 20 }

// twoOnNodes are two backends on the same nodes, which each reaches by itself.
func twoOnNodes(t *testing.T, lease time.Duration, nodes ...string) (stores [2]*storage.Store, links [2]*caches, f *fixture) {
	t.Helper()
	links[0] = &caches{}
	links[1] = &caches{same: links[0]}
	f = start(t, nil)
	for i := range stores {
		stores[i] = f.open(t, func(c *storage.Config) { c.Lease, c.Cache, c.Nodes = lease, links[i], nodes })
	}
	return stores, links, f
}

func changeTo(nodes ...string) func(*pool.State) (*pool.State, error) {
	return func(now *pool.State) (*pool.State, error) { return now.Change(nodes), nil }
}

// setNodes makes the nodes these.
func setNodes(t *testing.T, s *storage.Store, nodes ...string) {
	t.Helper()
	state, err := s.ChangeNodes(t.Context(), changeTo(nodes...))
	if err != nil {
		t.Fatal(err)
	}
	if got := state.Addresses(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(nodes))) || state.Step != pool.Settled {
		t.Fatalf("the nodes are %v at the step %d, want %v", got, state.Step, nodes)
	}
}

// nodeOf tells which node has a key.
func nodeOf(t *testing.T, s *storage.Store, links *caches, key string) string {
	t.Helper()
	q, ok := s.Ask(key)
	if !ok {
		t.Fatalf("the cache may not be asked for %q", key)
	}
	for address, c := range links.all {
		if q.Node() == storage.CacheNode(c) {
			return address
		}
	}
	t.Fatalf("%q has no node", key)
	return ""
}

// TestANodeMoreMovesOnlyItsShare: what stays where it was, stays cached; and again
// when the node goes, but for what was its.
func TestANodeMoreMovesOnlyItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const objects = 200
		stores, links, _ := twoOnNodes(t, time.Second, "a", "b")
		hits := func() (n int, at map[string]string) {
			at = map[string]string{}
			for i := range objects {
				key := strconv.Itoa(i)
				if _, c := read(t, stores[1], key); c.Source == storage.Hit {
					n++
				}
				synctest.Wait()
				at[key] = nodeOf(t, stores[1], links[1], key)
			}
			return n, at
		}
		for i := range objects {
			put(t, stores[0], strconv.Itoa(i), "content")
		}
		hits()
		n, before := hits()
		if n != objects {
			t.Fatalf("%d of %d are cached at first", n, objects)
		}
		setNodes(t, stores[0], "a", "b", "c")
		n, after := hits()
		moved := 0
		for key, node := range after {
			if node != before[key] {
				moved++
				if node != "c" {
					t.Errorf("%s moved from %s to %s", key, before[key], node)
				}
			}
		}
		if n != objects-moved || moved < objects/5 || moved > objects/2 {
			t.Errorf("with a node more, %d moved, and %d are cached", moved, n)
		}
		setNodes(t, stores[0], "a", "b")
		n, again := hits()
		if n != objects-moved || !maps.Equal(again, before) {
			t.Errorf("with a node less, %d are cached, want %d; all where they were: %v", n, objects-moved, maps.Equal(again, before))
		}
	})
}

// TestWhatAKeyLeavesBehindIsNotReadAgain: it was written while it was elsewhere.
func TestWhatAKeyLeavesBehindIsNotReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, links, _ := twoOnNodes(t, time.Second, "a")
		var keys []string
		for i := range 20 {
			keys = append(keys, strconv.Itoa(i))
			put(t, stores[0], keys[i], "old")
			warm(t, stores[0], keys[i])
		}
		setNodes(t, stores[1], "a", "b")
		for _, key := range keys {
			warm(t, stores[0], key)
			put(t, stores[0], key, "new")
		}
		for _, nodes := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
			setNodes(t, stores[1], nodes...)
			for _, key := range keys {
				for _, s := range stores {
					if got, c := read(t, s, key); got != "new" {
						t.Errorf("with %v, %s is %q from %v at %s", nodes, key, got, c.Source, nodeOf(t, s, links[0], key))
					}
				}
			}
			synctest.Wait()
		}
	})
}

// TestFault69_ANodeThatIsDownCostsItsShare: writes of its keys shut it, and no
// other; when it is back, nothing old is read.
func TestFault69_ANodeThatIsDownCostsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, links, _ := twoOnNodes(t, time.Second, "a", "b", "c")
		at := map[string]string{}
		for i := range 30 {
			key := strconv.Itoa(i)
			put(t, stores[0], key, "old")
			warm(t, stores[0], key)
			at[key] = nodeOf(t, stores[0], links[0], key)
		}
		for _, l := range links {
			l.at("b").cut.Store(true)
		}
		slow := 0
		for key := range at {
			began := time.Now()
			put(t, stores[0], key, "new")
			if took := time.Since(began); took > 0 {
				slow++
			}
		}
		if slow != 1 {
			t.Errorf("%d writes had to wait for others to learn of the node, want the first", slow)
		}
		for range 3 {
			refresh(t, stores[:]...)
			for key, node := range at {
				for _, s := range stores {
					got, c := read(t, s, key)
					synctest.Wait()
					if got != "new" || (c.Source == storage.Bypass) != (node == "b") {
						t.Errorf("%s at %s is %q from %v (%s)", key, node, got, c.Source, c.Detail)
					}
				}
			}
			time.Sleep(time.Second)
		}
		for _, l := range links {
			l.at("b").cut.Store(false)
		}
		refresh(t, stores[:]...)
		for key := range at {
			if got, c := read(t, stores[1], key); got != "new" || c.Source == storage.Bypass {
				t.Errorf("%s is %q from %v (%s)", key, got, c.Source, c.Detail)
			}
		}
	})
}

// TestAnotherListAtTheStartIsFollowed, but the same one leaves what was changed since.
func TestAnotherListAtTheStartIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, _, f := twoOnNodes(t, time.Second, "a", "b")
		put(t, stores[0], "k", "content")
		setNodes(t, stores[0], "b", "c")
		for _, test := range []struct{ flag, want []string }{{[]string{"a", "b"}, []string{"b", "c"}}, {[]string{"c", "d"}, []string{"c", "d"}}} {
			s := f.open(t, func(c *storage.Config) { c.Lease, c.Cache, c.Nodes = time.Second, &caches{}, test.flag })
			for range 3 {
				refresh(t, s)
				time.Sleep(time.Second)
			}
			state, err := s.Pool(t.Context())
			if err != nil || !slices.Equal(state.Addresses(), test.want) || state.Step != pool.Settled {
				t.Errorf("started with %v, the nodes are %v, %v; want %v", test.flag, state.Addresses(), err, test.want)
			}
		}
	})
}

// TestAChangeThatWasLeftHalfway is finished by another backend; until then there is
// no other.
func TestAChangeThatWasLeftHalfway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, _, _ := twoOnNodes(t, time.Second, "a")
		put(t, stores[0], "k", "content")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := stores[0].ChangeNodes(ctx, changeTo("a", "b"))
		wantCode(t, err, api.Unavailable)
		_, err = stores[1].ChangeNodes(t.Context(), changeTo("a", "c"))
		wantCode(t, err, api.Conflict)
		for range 3 {
			refresh(t, stores[1])
			time.Sleep(time.Second)
		}
		setNodes(t, stores[1], "a", "b")
		refused := errors.New("no")
		if _, err := stores[1].ChangeNodes(t.Context(), func(*pool.State) (*pool.State, error) { return nil, refused }); !errors.Is(err, refused) {
			t.Errorf("a change that is refused: %v", err)
		}
	})
}

// TestTheStepsOfAChangeAreALeaseApart: a backend that has not heard of one yet reads
// where keys were, and writers see to that.
func TestTheStepsOfAChangeAreALeaseApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, links, f := twoOnNodes(t, time.Second, "a")
		keys := []string{}
		for i := range 10 {
			keys = append(keys, strconv.Itoa(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		for _, key := range keys {
			put(t, stores[0], key, "0")
		}
		if _, err := stores[0].ChangeNodes(ctx, changeTo("b")); err == nil {
			t.Fatal("the change was done at once")
		}
		for version, want := range []pool.Step{pool.Announced, pool.Switched, pool.Settled} {
			for _, key := range keys {
				warm(t, stores[1], key)
			}
			time.Sleep(999 * time.Millisecond)
			for range 3 {
				refresh(t, stores[0])
			}
			if s, err := f.index.Pool(t.Context()); err != nil || s.Step != want {
				t.Errorf("less than a lease later the step is %d, %v; want %d", s.Step, err, want)
			}
			for _, key := range keys {
				content := strconv.Itoa(version + 1)
				put(t, stores[0], key, content)
				if got, c := read(t, stores[1], key); got != content {
					t.Errorf("at the step %d, %s is %q from %v at %s", want, key, got, c.Source, nodeOf(t, stores[1], links[1], key))
				}
			}
			time.Sleep(time.Millisecond)
			refresh(t, stores[0])
		}
	})
}

// TestNeverStaleWhileNodesChange: writers count up, and no reader at another backend
// gets less than what was acknowledged, or seen by any reader, before it began; while
// nodes come and go, are cut off from either backend, or forget all that they have.
func TestNeverStaleWhileNodesChange(t *testing.T) {
	const keys = 6
	lasts := 2 * time.Second
	if testing.Short() {
		lasts = 500 * time.Millisecond
	}
	stores, links, _ := twoOnNodes(t, 10*time.Millisecond, "a", "b")
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	var known [keys]atomic.Int64
	var hits, changes atomic.Int64
	for k := range keys {
		put(t, stores[0], strconv.Itoa(k), "0")
	}
	var all sync.WaitGroup
	for k := range keys {
		all.Go(func() { // the writer of a key
			for n := int64(1); ctx.Err() == nil; n++ {
				if _, err := stores[k%2].Put(context.Background(), strconv.Itoa(k), strings.NewReader(fmt.Sprint(n)), storage.Cond{}); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				advance(&known[k], n)
				wait(ctx, time.Duration(rand.IntN(3000))*time.Microsecond)
			}
		})
		for _, s := range stores {
			all.Go(func() {
				for ctx.Err() == nil {
					least := known[k].Load()
					content, c := read(t, s, strconv.Itoa(k))
					n, err := strconv.ParseInt(content, 10, 64)
					if err != nil || n < least {
						t.Errorf("%d is read as %q from %v (%s), after %d", k, content, c.Source, c.Detail, least)
						return
					}
					if c.Source == storage.Hit {
						hits.Add(1)
					}
					advance(&known[k], n)
				}
			})
		}
	}
	for _, s := range stores {
		all.Go(func() {
			for ctx.Err() == nil {
				_ = s.RefreshGeneration(context.Background())
				wait(ctx, 5*time.Millisecond)
			}
		})
	}
	all.Go(func() {
		lists := [][]string{{"a"}, {"a", "b"}, {"b", "c"}, {"a", "b", "c"}, {"c"}}
		for ctx.Err() == nil {
			list := lists[rand.IntN(len(lists))]
			_, err := stores[rand.IntN(2)].ChangeNodes(context.Background(), changeTo(list...))
			if err != nil && api.AsError(err).Code != api.Conflict {
				t.Errorf("change: %v", err)
			}
			changes.Add(1)
			wait(ctx, time.Duration(rand.IntN(20))*time.Millisecond)
		}
	})
	all.Go(func() {
		for ctx.Err() == nil {
			wait(ctx, time.Duration(rand.IntN(50))*time.Millisecond)
			c := links[rand.IntN(2)].at([]string{"a", "b", "c"}[rand.IntN(3)])
			off := []*atomic.Bool{&c.cut, &c.noHold, &c.noDel}[rand.IntN(3)]
			off.Store(true)
			wait(ctx, time.Duration(rand.IntN(20))*time.Millisecond)
			off.Store(false)
		}
	})
	all.Wait()
	for _, l := range links {
		for _, c := range l.all {
			c.cut.Store(false)
		}
	}
	t.Logf("%d changes, %d hits", changes.Load(), hits.Load())
	if changes.Load() < 3 || hits.Load() == 0 {
		t.Errorf("there were %d changes and %d hits", changes.Load(), hits.Load())
	}
}

// advance raises v to n.
func advance(v *atomic.Int64, n int64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// wait waits, at most until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

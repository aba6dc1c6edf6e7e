package cachelink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is a budget that a busy machine does not exceed.
const patient = 20 * time.Second

func dial(t testing.TB, cfg Config) client {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = patient
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return client{c, c.Node(cfg.Nodes[0])}
}

// client is a Client with its first node.
type client struct {
	*Client
	storage.CacheNode
}

func (c client) first() *node { return c.CacheNode.(*node) }

// programs are the cache programs that the tests run against: ours, and the
// machine's memcached where there is one.
func programs(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"cache": storagetest.BuildCache(t)}
	if program := storagetest.Memcached(); program != "" {
		all["memcached"] = program
	} else {
		t.Log("no memcached on this machine: only our own cache is tested")
	}
	return all
}

// eachProgram runs test with a process of each program.
func eachProgram(t *testing.T, test func(t *testing.T, p *storagetest.Process)) {
	for name, program := range programs(t) {
		t.Run(name, func(t *testing.T) { test(t, storagetest.StartCache(t, program)) })
	}
}

func TestConformance(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		for _, conns := range []int{1, 4} {
			t.Run(fmt.Sprint(conns, " connections"), func(t *testing.T) {
				storagetest.Cache(t, func(t *testing.T) storagetest.CacheUnderTest {
					c := dial(t, Config{Nodes: []string{p.Address}, Conns: conns})
					if err := c.Clear(t.Context()); err != nil {
						t.Fatal(err)
					}
					return c
				})
			})
		}
	})
}

func TestSeveralNodes(t *testing.T) {
	for name, program := range programs(t) {
		t.Run(name, func(t *testing.T) {
			cfg := Config{}
			for range 3 {
				cfg.Nodes = append(cfg.Nodes, storagetest.StartCache(t, program).Address)
			}
			c := dial(t, cfg)
			for i := range 60 {
				key, n := fmt.Sprint("key", i), c.Node(cfg.Nodes[i%3])
				l, err := n.Get(t.Context(), key)
				if err == nil {
					err = n.Fill(t.Context(), key, l.Lease, []byte("h"), []byte(key))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range c.Stats(t.Context()) {
				if n.Items != 20 {
					t.Errorf("the node %s has %d of 20 items", n.Name, n.Items)
				}
			}
			if err := c.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			if l, err := c.Get(t.Context(), "key0"); err != nil || l.Value != nil {
				t.Errorf("after Clear: %q, %v", l.Value, err)
			}
		})
	}
}

// TestAFillThatThePolicyRefuses is no lost race: those who wait for it would find
// nothing, and be the next to try in vain.
func TestAFillThatThePolicyRefuses(t *testing.T) {
	p := storagetest.StartCache(t, storagetest.BuildCache(t), "-m", "1", "-policy", "wtinylfu")
	c := dial(t, Config{Nodes: []string{p.Address}})
	fill := func(key string, size int) error {
		l, err := c.Get(t.Context(), key)
		if err != nil || l.Lease == 0 {
			t.Fatalf("%s: no lease, %v", key, err)
		}
		return c.Fill(t.Context(), key, l.Lease, nil, make([]byte, size))
	}
	for i := range 1000 {
		if err := fill(fmt.Sprint("small", i), 1000); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the lease is gone each time
		if err := fill("large", 300_000); err == nil || errors.Is(err, storage.ErrLeaseLost) {
			t.Errorf("the fill of a large value: %v", err)
		}
	}
	if err := fill("small-again", 1000); err != nil {
		t.Error(err)
	}
}

func TestAdmin(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		l, err := c.Get(t.Context(), "k")
		if err == nil {
			err = c.Fill(t.Context(), "k", l.Lease, nil, []byte("some bytes"))
		}
		if err != nil {
			t.Fatal(err)
		}
		if l, err = c.Get(t.Context(), "k"); err != nil || l.Value == nil {
			t.Fatalf("Get = %v, %v", l, err)
		}
		l.Release()
		n := c.Stats(t.Context())[0]
		if !n.Up || n.Err != nil || n.Name != p.Address || n.Version == "" || n.Instance == "" {
			t.Errorf("stats: %+v", n)
		}
		if n.Capacity != 64*api.MB || n.Items != 1 || n.Bytes < 10 || n.Hits != 1 || n.Misses != 1 || n.Gets < 2 {
			t.Errorf("stats: %+v", n)
		}
		if err := c.SetCapacity(t.Context(), 32*api.MB); err != nil {
			t.Fatal(err)
		}
		if n = c.Stats(t.Context())[0]; n.Capacity != 32*api.MB {
			t.Errorf("the capacity is %d after setting 32 MB", n.Capacity)
		}
		for _, bad := range []int64{0, -1, 1, api.MB + 1} {
			wantInvalid(t, c.SetCapacity(t.Context(), bad))
		}
		for _, bad := range []string{"", "no such policy", "nosuchpolicy", "a\r\nflush_all"} {
			wantInvalid(t, c.SetPolicy(t.Context(), bad))
		}
		if l, err = c.Get(t.Context(), "k"); err != nil || l.Value == nil {
			t.Fatalf("Get after it = %v, %v", l, err)
		}
		l.Release()
	})
}

func wantInvalid(t *testing.T, err error) {
	t.Helper()
	if err == nil || api.AsError(err).Code != api.Invalid {
		t.Errorf("got %v, want an invalid error", err)
	}
}

func TestPolicy(t *testing.T) {
	c := dial(t, Config{Nodes: []string{storagetest.StartCache(t, storagetest.BuildCache(t)).Address}})
	for _, name := range []string{"random", "lru", "lru"} {
		if err := c.SetPolicy(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		n := c.Stats(t.Context())[0]
		if n.Policy != name || len(n.Features) != 1 || n.Features[0] != api.FeaturePolicy {
			t.Errorf("after setting %s: policy %q, features %q", name, n.Policy, n.Features)
		}
	}
}

// TestFault70_CacheRestarted: the first requests after it work, on every
// connection.
func TestFault70_CacheRestarted(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		fill(t, c)
		before := c.Stats(t.Context())[0]
		p.Kill(t)
		p.Start(t)
		for range 12 {
			if err := c.Delete(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			if l, err := c.Get(t.Context(), "k"); err != nil || l.Value != nil || l.Lease == 0 {
				t.Fatalf("Get after the restart = %+v, %v", l, err)
			}
		}
		if after := c.Stats(t.Context())[0]; after.Instance == before.Instance {
			t.Errorf("the instance is %q before and after", after.Instance)
		}
	})
}

func fill(t *testing.T, c client) {
	t.Helper()
	for i := range 12 { // on each connection
		key := fmt.Sprint("key", i)
		l, err := c.Get(t.Context(), key)
		if err == nil {
			err = c.Fill(t.Context(), key, l.Lease, nil, []byte("value"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFault73_LeaseOfAnEarlierProcess: the cas of a new process begins anew,
// so an old lease may look valid to it.
func TestFault73_LeaseOfAnEarlierProcess(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		old, err := c.Get(t.Context(), "k")
		if err != nil || old.Lease == 0 {
			t.Fatalf("Get = %+v, %v", old, err)
		}
		p.Kill(t)
		p.Start(t)
		l, err := c.Get(t.Context(), "k")
		if err != nil || l.Lease == 0 {
			t.Fatalf("Get = %+v, %v", l, err)
		}
		if err := c.Fill(t.Context(), "k", old.Lease, nil, []byte("old")); !errors.Is(err, storage.ErrLeaseLost) {
			t.Errorf("a fill under a lease of the earlier process: %v", err)
		}
		if err := c.Fill(t.Context(), "k", l.Lease, nil, []byte("new")); err != nil {
			t.Error(err)
		}
	})
}

// TestFault69_CacheKilled: errors come at once and the breaker keeps them cheap.
func TestFault69_CacheKilled(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}, Backoff: time.Hour})
		fill(t, c)
		p.Kill(t)
		start := time.Now()
		var last error
		for range 1000 {
			if _, last = c.Get(t.Context(), "k"); last == nil {
				t.Fatal("Get of a dead cache succeeded")
			}
		}
		if took := time.Since(start); took > patient/2 {
			t.Errorf("1000 requests of a dead cache took %v", took)
		}
		if _, ok := errors.AsType[*errDown](last); !ok {
			t.Errorf("the breaker is not open: %v", last)
		}
		if n := c.Stats(t.Context())[0]; n.Up || n.Err == nil || n.Name != p.Address {
			t.Errorf("stats of a dead cache: %+v", n)
		}
		if err := c.SetCapacity(t.Context(), 32*api.MB); api.AsError(err).Code != api.Unavailable {
			t.Errorf("SetCapacity of a dead cache: %v", err)
		}
	})
}

// TestFault71_CacheHangs: deadline, breaker, and a probe that closes it.
func TestFault71_CacheHangs(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		const budget = 100 * time.Millisecond
		c := dial(t, Config{Nodes: []string{p.Address}, Timeout: budget, Backoff: time.Millisecond})
		eventually(t, func() error { return c.Delete(t.Context(), "k") })
		p.Pause(t)
		start := time.Now()
		err := c.Delete(t.Context(), "k")
		for err == nil { // the machine was slow to pause it
			err = c.Delete(t.Context(), "k")
		}
		if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took > 50*budget {
			t.Errorf("a request to a cache that hangs: %v after %v", err, took)
		}
		p.Resume(t)
		eventually(t, func() error { return c.Delete(t.Context(), "k") })
	})
}

// eventually tries until it works.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patient)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // not to wait for something, but to leave the others a processor
	}
}

// TestManyAtOnce has more requests under way than one connection takes.
func TestManyAtOnce(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		var wg sync.WaitGroup
		leases := make(chan uint64, 2000)
		for range 2000 {
			wg.Go(func() {
				l, err := c.Get(t.Context(), "hot")
				if err != nil {
					t.Error(err)
				} else if l.Lease != 0 {
					leases <- l.Lease
				}
			})
		}
		wg.Wait()
		if len(leases) != 1 {
			t.Errorf("%d leases were given", len(leases))
		}
	})
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Nodes: []string{""}},
		{Nodes: []string{"unix:"}},
		{Nodes: []string{"localhost"}},
		{Nodes: []string{"localhost:1"}, Conns: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) succeeded", cfg)
		}
	}
}

func TestBadKeys(t *testing.T) {
	c := dial(t, Config{Nodes: []string{"unix:/nowhere"}})
	for _, key := range []string{"", "a b", "a\r\nflush_all", "a\x00", "\x7f", strings.Repeat("k", 251)} {
		_, err := c.Get(t.Context(), key)
		for name, err := range map[string]error{
			"Get": err, "Delete": c.Delete(t.Context(), key), "Hold": c.Hold(t.Context(), key),
			"Fill": c.Fill(t.Context(), key, 1, nil, nil), "Release": c.Release(t.Context(), key, 1),
		} {
			if err == nil || !strings.Contains(err.Error(), "cache key") {
				t.Errorf("%s(%q): %v", name, key, err)
			}
		}
	}
}

func TestClosed(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		fill(t, c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(context.Background(), "k"); err == nil {
			t.Error("Get after Close succeeded")
		}
	})
}

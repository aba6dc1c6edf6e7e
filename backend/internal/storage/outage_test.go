package storage_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

// outage is a store on a real cache process, under load.
type outage struct {
	*fixture
	process *storagetest.Process
	client  *cachelink.Client
	objects map[string]string // what is stored and never changes

	mu      sync.Mutex
	took    []time.Duration
	details map[string]int // of what was read, by source and detail
}

const outageKeys = 20

// realistic stands for the deadline that a backend has by default.
const realistic = 0

// startOutage starts a store with that deadline for its cache at address; by
// default that of a process on a unix socket.
func startOutage(t *testing.T, address string, deadline time.Duration) *outage {
	t.Helper()
	o := &outage{objects: map[string]string{}}
	if address == "" {
		o.process = storagetest.StartCache(t, storagetest.BuildCache(t))
		address = o.process.Address
	}
	client, err := cachelink.New(cachelink.Config{Nodes: []string{address}, Timeout: deadline})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, client) })
	o.client = client
	o.fixture = start(t, func(cfg *storage.Config) { cfg.Cache = oneNode{client, address} })
	for i := range outageKeys {
		key := fmt.Sprint("key", i)
		o.objects[key] = strings.Repeat(key+" ", 1+i*i*20)
		put(t, o.Store, key, o.objects[key])
	}
	return o
}

// readers is how many read at once; one more writes and reads what it wrote.
const readers = 8

// under keeps up the load while event happens, and until every reader has read
// some more after it. Any error, and any wrong byte, fails the test.
func (o *outage) under(t *testing.T, event func()) {
	t.Helper()
	o.took, o.details = nil, map[string]int{}
	var reads [readers + 1]atomic.Int64
	var load sync.WaitGroup
	stop := make(chan struct{})
	for i := range readers + 1 {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprint("key", (n+i)%outageKeys)
				want := o.objects[key]
				if i == readers {
					key, want = "written", strings.Repeat(fmt.Sprint("version ", n), 50)
					if _, err := o.Put(t.Context(), key, strings.NewReader(want), storage.Cond{}); err != nil {
						t.Errorf("Put: %v", err)
					}
				}
				o.read(t, key, want)
				reads[i].Add(1)
			}
		})
	}
	load.Go(func() { // the job that learns of generations
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				if err := o.RefreshGeneration(t.Context()); err != nil {
					t.Errorf("RefreshGeneration: %v", err)
				}
			}
		}
	})
	enough := func() {
		for i := range reads {
			for goal := reads[i].Load() + 3; reads[i].Load() < goal && !t.Failed(); {
				time.Sleep(time.Millisecond) // to leave the load a processor
			}
		}
	}
	enough()
	event()
	enough()
	close(stop)
	load.Wait()
	slices.Sort(o.took)
	t.Logf("%d reads, half within %v, 99 %% within %v: %v", len(o.took), o.took[len(o.took)/2], o.took[len(o.took)*99/100], o.details)
	if longest := o.took[len(o.took)-1]; longest > patient {
		t.Errorf("a read took %v", longest)
	}
}

func (o *outage) read(t *testing.T, key, want string) {
	began := time.Now()
	got, c := read(t, o.Store, key)
	if got != want {
		t.Errorf("%s is %.40q… from %v, want %.40q…", key, got, c.Source, want)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took = append(o.took, time.Since(began))
	o.details[strings.TrimSpace(c.Source.String()+" "+c.Detail)]++
}

// wantWell waits until the cache serves again.
func (o *outage) wantWell(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patient)
	for hits := 0; hits < outageKeys; {
		if time.Now().After(deadline) {
			t.Fatal("the cache does not serve again")
		}
		if err := o.RefreshGeneration(t.Context()); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint("key", hits)
		if got, c := read(t, o.Store, key); got != o.objects[key] {
			t.Fatalf("%s is %.40q…", key, got)
		} else if c.Source == storage.Hit {
			hits++
		}
	}
}

// TestFault69_70_CacheKilledUnderLoad: no reader and no writer notices, neither
// then nor when it is back.
func TestFault69_70_CacheKilledUnderLoad(t *testing.T) {
	o := startOutage(t, "", realistic)
	o.wantWell(t)
	o.under(t, func() { o.process.Kill(t) })
	if o.details["bypass "+storage.DetailCacheDown]+o.details["bypass "+storage.DetailDistrusted] == 0 {
		t.Errorf("no read says that the cache was down: %v", o.details)
	}
	if n := o.client.Stats(t.Context())[0]; n.Up || n.Err == nil {
		t.Errorf("its statistics are %+v, want it down", n)
	}
	o.under(t, func() { o.process.Start(t) })
	o.wantWell(t)
}

// TestFault71_CacheStoppedUnderLoad: it takes connections and requests, and
// answers none.
func TestFault71_CacheStoppedUnderLoad(t *testing.T) {
	o := startOutage(t, "", realistic)
	o.wantWell(t)
	o.under(t, func() {
		o.process.Pause(t)
		for o.client.Stats(t.Context())[0].Up { // until a deadline has passed
		}
	})
	o.under(t, func() { o.process.Resume(t) })
	o.wantWell(t)
}

// TestFault72_ManyMissesOnRealCache: 1,000 misses at once, in two backends.
func TestFault72_ManyMissesOnRealCache(t *testing.T) {
	process := storagetest.StartCache(t, storagetest.BuildCache(t))
	var clients [2]*cachelink.Client
	for i := range clients {
		client, err := cachelink.New(cachelink.Config{Nodes: []string{process.Address}, Timeout: patient})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closed(t, client) })
		clients[i] = client
	}
	f := start(t, func(cfg *storage.Config) { cfg.Cache = oneNode{clients[0], process.Address} })
	stores := [2]*storage.Store{f.Store, f.open(t, func(cfg *storage.Config) { cfg.Cache = oneNode{clients[1], process.Address} })}
	content := strings.Repeat("content ", 1000)
	put(t, f.Store, "k", content)
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			if got, c := read(t, stores[i%2], "k"); got != content {
				t.Errorf("got %d bytes from %v", len(got), c.Source)
			}
		})
	}
	all.Wait()
	if n := f.blobs.opened.Load(); n != 1 {
		t.Errorf("the blob was opened %d times, want once", n)
	}
}

// TestFault75_ClearUnderLoadOfReaders: the cache is emptied again and again.
func TestFault75_ClearUnderLoadOfReaders(t *testing.T) {
	o := startOutage(t, "", patient)
	o.under(t, func() {
		for range 50 {
			if err := o.Clear(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	o.wantWell(t)
	if n := o.client.Stats(t.Context())[0]; n.Items < outageKeys || n.Items > outageKeys+1 {
		t.Errorf("the cache counts %d items, want the %d that are read and perhaps the one that is written", n.Items, outageKeys)
	}
}

// TestFault77_BadLinkToTheCache: deadlines hold on a network of every bad kind.
func TestFault77_BadLinkToTheCache(t *testing.T) {
	process := storagetest.StartCacheTCP(t, storagetest.BuildCache(t))
	link := storagetest.StartLink(t, process.Address)
	o := startOutage(t, link.Address, realistic)
	for _, toxic := range []string{
		`{"name": "t", "type": "latency", "attributes": {"latency": 50, "jitter": 50}}`,
		`{"name": "t", "type": "latency", "stream": "upstream", "attributes": {"latency": 1000}}`,
		`{"name": "t", "type": "bandwidth", "attributes": {"rate": 20}}`,
		`{"name": "t", "type": "slicer", "attributes": {"average_size": 50, "size_variation": 25, "delay": 10}}`,
		`{"name": "t", "type": "reset_peer", "attributes": {"timeout": 5}}`,
		`{"name": "t", "type": "limit_data", "attributes": {"bytes": 5000}}`,
		`{"name": "t", "type": "timeout", "attributes": {"timeout": 0}}`,
	} {
		o.wantWell(t)
		o.under(t, func() { link.Toxic(t, toxic) })
		link.Heal(t)
	}
	o.wantWell(t)
	o.under(t, link.Cut)
	link.Mend(t)
	o.wantWell(t)
}

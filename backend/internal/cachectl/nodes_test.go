package cachectl

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/shared/api"
)

// names are the addresses of the nodes in a reply.
func names(c api.Cache) (list []string) {
	for _, n := range c.Nodes {
		list = append(list, n.Name)
	}
	return list
}

func TestNodesAreAddedAndRemoved(t *testing.T) {
	f := start(t, node("unix:/a"))
	f.nodes.there = map[string]cachelink.NodeStats{"b:11211": node("b:11211"), "c:1": {Version: "1.6.40"}}
	cache, err := f.AddNode(t.Context(), " b:11211 ")
	if err != nil || !slices.Equal(names(cache), []string{"unix:/a", "b:11211"}) || cache.Nodes[1].Share != 0.5 {
		t.Fatalf("with a second: %+v, %v", cache.Nodes, err)
	}
	if cache, err = f.AddNode(t.Context(), "c:1"); err != nil || len(cache.Nodes) != 3 {
		t.Fatalf("with a memcached: %+v, %v", cache.Nodes, err)
	}
	if want := []string{"b:11211 64 lru", "c:1 64 lru"}; !slices.Equal(f.nodes.prepared, want) {
		t.Errorf("what joined was set to %q, want %q", f.nodes.prepared, want)
	}
	if n := len(f.told); n < 2 || len(f.told[n-1].Nodes) != 3 {
		t.Errorf("the clients were told %+v", f.told)
	}
	if cache, err = f.RemoveNode(t.Context(), "unix:/a"); err != nil || !slices.Equal(names(cache), []string{"b:11211", "c:1"}) {
		t.Errorf("without the first: %+v, %v", cache.Nodes, err)
	}
}

// TestANodeThatJoinsIsCountedFromThen: neither is what it did for others before
// counted, nor anything lost until the next tick, whatever the process calls its run.
func TestANodeThatJoinsIsCountedFromThen(t *testing.T) {
	f := start(t, node("unix:/a"))
	begin := time.Now()
	f.count(f.nodes.Stats(t.Context()), begin)
	joins := node("b:1")
	joins.Gets, joins.Hits, joins.Instance = 1000, 900, "started at 7"
	f.nodes.there = map[string]cachelink.NodeStats{"b:1": joins}
	for round := range int64(2) {
		if _, err := f.AddNode(t.Context(), "b:1"); err != nil {
			t.Fatal(err)
		}
		joins.Gets, joins.Hits, joins.Instance = joins.Gets+5, joins.Hits+4, "started at 8"
		s := f.count([]cachelink.NodeStats{f.nodes.Stats(t.Context())[0], joins}, begin.Add(time.Duration(round+1)*time.Second)).Sample
		if s.Requests != 5 || s.Hits != 4 {
			t.Errorf("round %d: %d requests and %d hits, want 5 and 4", round, s.Requests, s.Hits)
		}
		if _, err := f.RemoveNode(t.Context(), "b:1"); err != nil {
			t.Fatal(err)
		}
		joins.Gets, joins.Hits, joins.Instance = joins.Gets+100, joins.Hits+90, "started at 7" // for others
		f.nodes.there["b:1"] = joins
	}
}

func TestNodesThatCannotBeAddedOrRemoved(t *testing.T) {
	f := start(t, node("unix:/a"))
	f.nodes.there = map[string]cachelink.NodeStats{"unix:/a": node("unix:/a"), "old:1": {Version: "1.5.22"}, "odd:1": {Version: "unknown"}}
	for name, test := range map[string]struct {
		do   func(context.Context, string) (api.Cache, error)
		with string
		code api.Code
		says string
	}{
		"not there":   {f.AddNode, "elsewhere:11211", api.Invalid, "no cache answers"},
		"no address":  {f.AddNode, "nonsense", api.Invalid, "host:port"},
		"no port":     {f.AddNode, "host:", api.Invalid, "host:port"},
		"empty":       {f.AddNode, "", api.Invalid, "host:port"},
		"long path":   {f.AddNode, "unix:/" + strings.Repeat("x", 107), api.Invalid, "107"},
		"there":       {f.AddNode, "unix:/a", api.Conflict, "already"},
		"too old":     {f.AddNode, "old:1", api.Invalid, "1.6"},
		"odd version": {f.AddNode, "odd:1", api.Invalid, "1.6"},
		"the last":    {f.RemoveNode, "unix:/a", api.Invalid, "the only"},
		"unknown":     {f.RemoveNode, "b:1", api.NotFound, "unix:/a"},
	} {
		_, err := test.do(t.Context(), test.with)
		if e := api.AsError(err); err == nil || e.Code != test.code || !strings.Contains(e.Message, test.says) {
			t.Errorf("%s: %v, want the code %s and %q", name, err, test.code, test.says)
		}
	}
	if s, _ := f.nodes.Pool(t.Context()); !slices.Equal(s.Members(), []string{"unix:/a"}) {
		t.Errorf("the nodes are %v", s.Members())
	}
}

// follower starts what a file asks for, as start.sh does.
func (f *fixture) follow(t *testing.T, local *Local) {
	t.Helper()
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
			f.nodes.mu.Lock()
			f.nodes.there = map[string]cachelink.NodeStats{}
			for _, address := range local.Addresses(local.Count()) {
				f.nodes.there[address] = node(address)
			}
			f.nodes.mu.Unlock()
		}
	}()
	t.Cleanup(func() { close(done); <-stopped })
}

func TestThePoolOfStartShIsResized(t *testing.T) {
	dir := t.TempDir()
	local := &Local{File: filepath.Join(dir, "cache-nodes"), Data: dir}
	f := start(t, node("unix:"+dir+"/cache.sock"), node("elsewhere:1"))
	f.cfg.Local = local
	f.follow(t, local)
	for _, count := range []int{3, 8, 2, 2, 1} {
		cache, err := f.ResizePool(t.Context(), count)
		want := append(local.Addresses(count), "elsewhere:1")
		if err != nil || !slices.Equal(slices.Sorted(slices.Values(names(cache))), slices.Sorted(slices.Values(want))) {
			t.Fatalf("resized to %d, the nodes are %v, %v", count, names(cache), err)
		}
		if cache.Pool != count || cache.MaxPool != MaxLocal {
			t.Errorf("the pool is told to be %d of %d, want %d of %d", cache.Pool, cache.MaxPool, count, MaxLocal)
		}
		if text, err := os.ReadFile(local.File); err != nil || strings.TrimSpace(string(text)) != string(rune('0'+count)) {
			t.Errorf("start.sh is asked for %q, %v", text, err)
		}
		if s, _ := f.nodes.Pool(t.Context()); !slices.Equal(s.Configured, local.Addresses(count)) {
			t.Errorf("the next start is expected with %v", s.Configured)
		}
	}
	for _, count := range []int{0, -1, 9} {
		_, err := f.ResizePool(t.Context(), count)
		if e := api.AsError(err); err == nil || e.Code != api.Invalid || !strings.Contains(e.Message, "1 to 8") {
			t.Errorf("resized to %d: %v", count, err)
		}
	}
}

// TestAProcessThatDoesNotStart leaves things as they were.
func TestAProcessThatDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	f := start(t, node("unix:"+dir+"/cache.sock"))
	f.cfg.Local = &Local{File: filepath.Join(dir, "cache-nodes"), Data: dir}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := f.ResizePool(ctx, 2)
	if e := api.AsError(err); err == nil || e.Code != api.Unavailable {
		t.Errorf("resized: %v", err)
	}
	if n := f.cfg.Local.Count(); n != 1 {
		t.Errorf("%d processes are asked for", n)
	}
	f.cfg.Local = nil
	if _, err := f.ResizePool(t.Context(), 2); err == nil || api.AsError(err).Code != api.Invalid || !strings.Contains(err.Error(), "start.sh") {
		t.Errorf("resized what somebody else runs: %v", err)
	}
}

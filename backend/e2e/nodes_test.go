package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

// nodes are the cache nodes.
func (s *site) nodes() []api.Node {
	s.t.Helper()
	var cache api.Cache
	if err := json.Unmarshal(s.do("GET", "/api/v1/cache", nil, http.StatusOK).body, &cache); err != nil {
		s.t.Fatal(err)
	}
	return cache.Nodes
}

// Several cache processes share the keys; one that is killed costs nothing but its
// share, and is started again.
func TestSeveralCacheNodes(t *testing.T) {
	t.Parallel()
	s := start(t, "-cache-nodes", "3")
	const objects = 60
	for i := range objects {
		s.do("PUT", fmt.Sprintf("/objects/%d", i), strings.NewReader("content"), http.StatusCreated)
	}
	for i := range objects {
		s.do("GET", fmt.Sprintf("/objects/%d", i), nil, http.StatusOK)
	}
	eventually(t, patience, "three nodes share the objects", func() error {
		items := int64(0)
		all := s.nodes()
		for _, n := range all {
			if items += n.Items; !n.Up || n.Items == 0 {
				return fmt.Errorf("the node %s is up: %t, and has %d objects", n.Name, n.Up, n.Items)
			}
		}
		if len(all) != 3 || items != objects {
			return fmt.Errorf("%d nodes have %d objects", len(all), items)
		}
		return nil
	})
	s.kill("cache -s " + s.data + "/cache-2.sock")
	for i := range objects {
		s.do("GET", fmt.Sprintf("/objects/%d", i), nil, http.StatusOK)
	}
	eventually(t, patience, "the node is back", func() error {
		for _, n := range s.nodes() {
			if !n.Up || n.Items == 0 && !strings.Contains(n.Name, "cache-2") {
				return fmt.Errorf("the node %s is up: %t, and has %d objects", n.Name, n.Up, n.Items)
			}
		}
		return nil
	})
}

// The number of cache processes is changed while the server runs, by the course's API
// and by ours, and what stays where it is stays cached. A memcached elsewhere joins and
// leaves. The next start has as many.
func TestCacheNodesComeAndGo(t *testing.T) {
	t.Parallel()
	s := start(t)
	const objects = 60
	for i := range objects {
		s.do("PUT", fmt.Sprintf("/objects/%d", i), strings.NewReader("content"), http.StatusCreated)
	}
	hits := func() (n int) {
		for i := range objects {
			if r := s.do("GET", fmt.Sprintf("/objects/%d", i), nil, http.StatusOK); strings.Contains(r.Header.Get("Cache-Status"), "; hit") {
				n++
			}
		}
		return n
	}
	warm := func() {
		t.Helper()
		eventually(t, patience, "all are cached", func() error {
			if n := hits(); n != objects {
				return fmt.Errorf("%d of %d are hits", n, objects)
			}
			return nil
		})
	}
	programs := func(want int) {
		t.Helper()
		eventually(t, patience, fmt.Sprint(want, " cache processes run"), func() error {
			for i := 1; i <= 8; i++ {
				name := map[bool]string{true: "cache -s " + s.data + "/cache.sock", false: fmt.Sprintf("cache -s %s/cache-%d.sock", s.data, i)}[i == 1]
				if _, runs := s.find(name); runs != (i <= want) {
					return fmt.Errorf("number %d runs: %t", i, runs)
				}
			}
			return nil
		})
	}
	warm()
	s.expect("/api/configure_cache?mode=manual&numNodes=3&cacheSize=64&policy=LRU", `{"success":"true","mode":"manual","numNodes":3,"cacheSize":64,"policy":"LRU"}`)
	s.expect("/api/getNumNodes", `{"success":"true","numNodes":3}`)
	programs(3)
	if n := hits(); n < objects/6 || n > objects*3/5 {
		t.Errorf("after two nodes more, %d of %d are still cached, want about a third", n, objects)
	}
	warm()
	for _, n := range s.nodes() {
		if n.Share < 0.33 || n.Share > 0.34 || n.Items == 0 || n.Policy != "lru" || n.State != "" {
			t.Errorf("a node of three: %+v", n)
		}
	}

	if program := storagetest.Memcached(); program != "" {
		m := storagetest.StartCacheTCP(t, program)
		s.do("POST", "/api/v1/cache/nodes", strings.NewReader(`{"address":"`+m.Address+`"}`), http.StatusOK)
		s.do("POST", "/api/v1/cache/nodes", strings.NewReader(`{"address":"`+m.Address+`"}`), http.StatusConflict)
		warm()
		if all := s.nodes(); len(all) != 4 || all[3].Name != m.Address || all[3].Items == 0 || all[3].Capacity != 64<<20 {
			t.Errorf("with a memcached: %+v", all)
		}
		s.do("DELETE", "/api/v1/cache/nodes?address="+m.Address, nil, http.StatusOK)
		if n := hits(); n < objects/2 {
			t.Errorf("after the memcached left, %d of %d are still cached", n, objects)
		}
	}
	s.do("POST", "/api/v1/cache/nodes", strings.NewReader(`{"address":"127.0.0.1:1"}`), http.StatusBadRequest)
	s.do("PUT", "/api/v1/cache/nodes", strings.NewReader(`{"nodes":2}`), http.StatusOK)
	programs(2)
	warm()
	s.stop()
	s.start()
	programs(2)
	s.expect("/api/getNumNodes", `{"success":"true","numNodes":2}`)
	s.stop()
	s.args = []string{"-cache-nodes", "1"}
	s.start()
	programs(1)
	eventually(t, patience, "the nodes are those of the flag", func() error {
		if all := s.nodes(); len(all) != 1 {
			return fmt.Errorf("they are %+v", all)
		}
		return nil
	})
	s.stop()
}

// Nodes on the Cache page: the number of those beside the server, one more elsewhere, how
// they share the load, and the way back.
func TestCacheNodesFromThePage(t *testing.T) {
	t.Parallel()
	s := start(t)
	program := storagetest.Memcached()
	if program == "" {
		t.Skip("there is no memcached on this machine")
	}
	elsewhere := storagetest.StartCacheTCP(t, program)
	p := openPage(t)
	p.ready(s, "/cache")
	p.until(`document.querySelectorAll("#nodes .node").length === 1`)
	p.hasNot(".remove-node")
	p.until(`!document.querySelector("#pool").disabled`)
	p.choice("#pool", "3")
	p.shows("#toasts", "3 cache processes run beside the server now.")
	p.until(`document.querySelectorAll("#nodes .node[data-up]").length === 3`)

	p.fill("#node-address", "127.0.0.1:1")
	p.click("#node-add")
	p.shows("#node-problem", "no cache answers at")
	p.fill("#node-address", elsewhere.Address)
	p.press(kb.Enter)
	p.shows("#toasts", elsewhere.Address+" is a cache node now.")
	row := `[data-node="` + elsewhere.Address + `"]`
	p.shows(row, "25.0 % of the keys")
	p.shows(row, "It is a memcached")
	p.until(`document.querySelector("#node-address").value === ""`)
	for i := range 40 {
		s.do("PUT", fmt.Sprintf("/objects/%d", i), strings.NewReader("content"), http.StatusCreated)
	}
	for range 3 {
		for i := range 40 {
			s.do("GET", fmt.Sprintf("/objects/%d", i), nil, http.StatusOK)
		}
	}
	p.shows(row, "of the requests")
	p.shows(row, "of what is cached")
	p.scrollUntil("#nodes-panel")
	for _, width := range []int64{390, 1440} {
		p.setWidth(width)
		p.run(`document.querySelector("#nodes-panel").scrollIntoView()`)
		p.bothSchemes(t, fmt.Sprintf("nodes-%d", width))
	}

	p.ready(s, "/stats")
	p.choice("#stats-node", elsewhere.Address)
	p.until(`location.search === "?node=" + encodeURIComponent(` + quote(elsewhere.Address) + `)`)
	p.until(`Number(document.querySelector("#tile-requests").innerText) >= 1 && Number(document.querySelector("#tile-requests").innerText) < 100`)
	for _, width := range []int64{390, 1440} {
		p.setWidth(width)
		p.bothSchemes(t, fmt.Sprintf("stats-node-%d", width))
	}
	p.choice("#stats-node", "")
	p.until(`location.search === ""`)
	p.until(`Number(document.querySelector("#tile-requests").innerText) >= 110`)
	p.ready(s, "/cache")
	p.until(`document.querySelector(` + quote(row) + `) !== null`)
	for range 1000 { // of one node alone, which the page names then
		s.do("GET", "/objects/1", nil, http.StatusOK)
	}
	p.shows("#balance", "times")
	p.setWidth(390)
	p.bothSchemes(t, "nodes-uneven-390")
	p.click(row + " .remove-node")
	p.shows("#confirm", "Remove this cache node?")
	p.click("#confirm-yes")
	p.shows("#toasts", elsewhere.Address+" is no cache node any more.")
	p.hasNot(row)
	if all := s.nodes(); len(all) != 3 {
		t.Errorf("the nodes are %+v", all)
	}
}

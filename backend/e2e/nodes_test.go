package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"memcache/shared/api"
)

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
	nodes := func() []api.Node {
		t.Helper()
		var cache api.Cache
		if err := json.Unmarshal(s.do("GET", "/api/v1/cache", nil, http.StatusOK).body, &cache); err != nil {
			t.Fatal(err)
		}
		return cache.Nodes
	}
	eventually(t, patience, "three nodes share the objects", func() error {
		items := int64(0)
		all := nodes()
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
		for _, n := range nodes() {
			if !n.Up || n.Items == 0 && !strings.Contains(n.Name, "cache-2") {
				return fmt.Errorf("the node %s is up: %t, and has %d objects", n.Name, n.Up, n.Items)
			}
		}
		return nil
	})
}

package cachectl

import (
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/shared/api"
)

// TestKeysOfSeveralNodesAreOneList. The names come back from the values; what is no
// object's is left out.
func TestKeysOfSeveralNodesAreOneList(t *testing.T) {
	f := start(t)
	f.cfg.Recognize = func(ck string, head []byte) (api.Object, bool) {
		name, ok := strings.CutPrefix(string(head), "name:")
		return api.Object{Key: name + ck, Size: 7}, ok
	}
	now := time.Unix(1000, 0)
	f.nodes.top = []cachelink.NodeTop{
		{Name: "a", OK: true, Since: now, Largest: []cachelink.Known{{Key: "1", Head: []byte("name:x"), Bytes: 10}, {Key: "2", Head: []byte("thumbnail"), Bytes: 99}}},
		{
			Name: "b", OK: true, Since: now.Add(-time.Hour), Largest: []cachelink.Known{{Key: "3", Head: []byte("name:y"), Bytes: 20, Since: now}},
			Hottest:   []cachelink.Known{{Key: "3", Head: []byte("name:y"), Hits: 5}},
			Evictions: []cachelink.Known{{Key: "4", Head: []byte("name:z"), At: now, Since: now.Add(-90 * time.Second), Idle: 3, Read: true, Why: api.WhyShrink}},
		},
		{Name: "plain memcached"},
	}
	keys := f.Keys(t.Context())
	if l := keys.Top.Largest; len(l) != 2 || l[0].Key != "y3" || l[0].Since != now.UnixMilli() || l[1].Key != "x1" || l[1].Since != 0 {
		t.Errorf("the largest are %+v", l)
	}
	if h := keys.Top.Hottest; len(h) != 1 || h[0].Hits != 5 || keys.Top.Since != now.Add(-time.Hour).UnixMilli() {
		t.Errorf("the hottest are %+v since %d", h, keys.Top.Since)
	}
	want := api.Eviction{Time: now.UnixMilli(), Key: "z4", Size: 7, Age: 90, Idle: 3, Read: true, Why: api.WhyShrink}
	if e := keys.Evictions.Evictions; len(e) != 1 || e[0] != want {
		t.Errorf("the evictions are %+v, want %+v", e, want)
	}
	if w := keys.Top.Without; len(w) != 1 || w[0] != "plain memcached" || len(keys.Evictions.Without) != 1 {
		t.Errorf("%v cannot tell", w)
	}
}

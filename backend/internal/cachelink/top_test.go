package cachelink

import "testing"

func TestKnownItemsAreRead(t *testing.T) {
	got := numbered(map[string]string{
		"since": "5", "hit:0:30": "g2:a%2Fb 3 100 1700000000 4 yes aGVhZA", "hit:1:20": "k 0 50 0 0 no -", "hit:2:1": "too few words",
		"hit:x": "k 0 50 0 0 no -", "hit:9:1": "k 0 50 0 0 no -",
	}, "hit:", func(k *Known, rest []string) { k.Hits = number(rest[0]) }, 1)
	if len(got) != 2 || got[1].Key != "k" || len(got[1].Head) != 0 || !got[1].Since.IsZero() {
		t.Fatalf("got %+v", got)
	}
	if k := got[0]; k.Key != "g2:a/b" || string(k.Head) != "head" || k.Bytes != 100 || k.Since.Unix() != 1700000000 || !k.Read || k.Idle != 4 || k.Hits != 30 {
		t.Errorf("got %+v", k)
	}
}

package ui

import (
	"fmt"
	"slices"
	"testing"

	"memcache/shared/api"
)

func TestTheKeysListedLastAreKnown(t *testing.T) {
	var k known
	for page := range 60 {
		var objects []api.Object
		for i := range 50 {
			objects = append(objects, api.Object{Key: fmt.Sprintf("key-%04d", page*50+i), Type: "image/png", ETag: `"x"`, Size: 5, Created: 1, Modified: 2, Version: 1})
		}
		k.add(objects)
	}
	if len(k.objects) != maxSeenKeys || k.objects[0].Key != "key-2950" {
		t.Fatalf("%d are known, the first is %s", len(k.objects), k.objects[0].Key)
	}
	k.add([]api.Object{{Key: "key-2000", Version: 2}, {Key: "new", Version: 1}})
	if len(k.objects) != maxSeenKeys || k.objects[0].Version != 2 || k.objects[1].Key != "new" {
		t.Errorf("%d are known, first %+v and %+v", len(k.objects), k.objects[0], k.objects[1])
	}
	for _, text := range []string{formatLines(k.objects), "no line\n" + formatLines(k.objects) + "a\tb\tc\t1\t2\t3\tx\n"} {
		if got := parseLines(text); !slices.Equal(got, k.objects) {
			t.Errorf("%d of %d are read, first %+v", len(got), len(k.objects), got[0])
		}
	}
	s := newSession()
	s.known = k
	if found := s.searchKnown("KEY-2000"); found.Total != 1 || found.Objects[0].Version != 2 {
		t.Errorf("found %+v", found)
	}
}

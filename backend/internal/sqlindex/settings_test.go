package sqlindex

import (
	"testing"
	"time"

	"memcache/shared/api"
)

func TestSettings(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		before := time.Now().UnixMilli()
		db := mustOpen(t, c)
		first, err := db.Settings(t.Context())
		if err != nil || first.Capacity != c.Capacity || first.Policy != c.Policy {
			t.Fatalf("a fresh database has %+v, %v", first, err)
		}
		if first.Generation < before || first.Generation > time.Now().UnixMilli() {
			t.Errorf("the generation %d is not the time of creation", first.Generation)
		}
		if first.Generation%2 != 0 {
			t.Errorf("the generation %d is odd: the cache is shut", first.Generation)
		}
		raised, err := db.RaiseGeneration(t.Context(), first.Generation, first.Generation+2)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the same again changes no row, and is no error
			if err := db.SaveSettings(t.Context(), 1<<40, "random"); err != nil {
				t.Fatal(err)
			}
		}
		want := Settings{Capacity: 1 << 40, Policy: "random", Generation: raised}
		for _, bad := range []Settings{{Capacity: 0, Policy: "lru"}, {Capacity: -5, Policy: "lru"}, {Capacity: 1, Policy: ""}} {
			if err := db.SaveSettings(t.Context(), bad.Capacity, bad.Policy); err == nil || api.AsError(err).Code != api.Invalid {
				t.Errorf("SaveSettings(%+v) = %v; want an invalid error", bad, err)
			}
		}
		if got, err := db.Settings(t.Context()); err != nil || got != want {
			t.Errorf("Settings = %+v, %v; want %+v", got, err, want)
		}
	})
}

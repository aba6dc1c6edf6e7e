package sqlindex

import (
	"testing"
	"time"

	"memcache/backend/internal/pool"
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
		nodes := (&pool.State{Generation: first.Generation}).Change([]string{"unix:/a", "b:11211"})
		if _, err := db.ChangePool(t.Context(), first.Generation, nodes); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the same again changes no row, and is no error
			if err := db.SaveSettings(t.Context(), 1<<40, "random"); err != nil {
				t.Fatal(err)
			}
		}
		want := Settings{Capacity: 1 << 40, Policy: "random", Generation: nodes.Generation}
		for _, bad := range []Settings{{Capacity: 0, Policy: "lru"}, {Capacity: -5, Policy: "lru"}, {Capacity: 1, Policy: ""}} {
			if err := db.SaveSettings(t.Context(), bad.Capacity, bad.Policy); err == nil || api.AsError(err).Code != api.Invalid {
				t.Errorf("SaveSettings(%+v) = %v; want an invalid error", bad, err)
			}
		}
		if got, err := db.Settings(t.Context()); err != nil || got != want {
			t.Errorf("Settings = %+v, %v; want %+v", got, err, want)
		}
		if got, err := db.Pool(t.Context()); err != nil || got.Text() != nodes.Text() {
			t.Errorf("the nodes are %+v, %v; want %+v", got, err, nodes)
		}
	})
}

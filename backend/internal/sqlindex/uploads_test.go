package sqlindex

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestUploads(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db, other, id := mustOpen(t, c), mustOpen(t, c), [32]byte{1}
		take := func(db *DB, wantTurn int64, wantState string) {
			t.Helper()
			turn, state, err := db.TakeUpload(t.Context(), id, time.Hour)
			if err != nil || turn != wantTurn || string(state) != wantState {
				t.Fatalf("TakeUpload = %d, %q, %v; want %d, %q", turn, state, err, wantTurn, wantState)
			}
		}
		keep := func(db *DB, turn int64, state string, long time.Duration, want bool) {
			t.Helper()
			if kept, err := db.KeepUpload(t.Context(), id, turn, []byte(state), long); err != nil || kept != want {
				t.Errorf("KeepUpload %q = %t, %v; want %t", state, kept, err, want)
			}
			if owns, err := db.OwnsUpload(t.Context(), id, turn); err != nil || owns != want {
				t.Errorf("OwnsUpload = %t, %v; want %t", owns, err, want)
			}
		}
		keep(db, 1, "never begun", time.Hour, false)
		take(db, 1, "")
		keep(db, 1, "one part", time.Hour, true)
		take(other, 2, "one part")
		keep(db, 1, "two parts of the first", time.Hour, false)
		if err := db.DropUpload(t.Context(), id, 1); err != nil {
			t.Fatal(err)
		}
		keep(other, 2, "two parts", time.Hour, true)
		if err := db.pruneUploads(t.Context(), time.Now(), 10); err != nil {
			t.Fatal(err)
		}
		take(db, 3, "two parts")
		keep(db, 3, "three parts", 0, true)
		if err := db.pruneUploads(t.Context(), time.Now(), 10); err != nil {
			t.Fatal(err)
		}
		take(db, 1, "") // it was forgotten
		if err := db.pruneUploads(t.Context(), time.Now(), 0); err != nil {
			t.Fatal(err)
		}
		take(db, 1, "") // it was one too many
		if err := db.DropUpload(t.Context(), id, 1); err != nil {
			t.Fatal(err)
		}
		take(other, 1, "")
	})
}

// TestUploadsAreTakenInTurn, however many take one at once.
func TestUploadsAreTakenInTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		dbs := []*DB{mustOpen(t, c), mustOpen(t, c)}
		var mu sync.Mutex
		turns := make(map[int64]bool)
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				turn, _, err := dbs[i%2].TakeUpload(context.WithoutCancel(t.Context()), [32]byte{7}, time.Hour)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || turns[turn] {
					t.Errorf("the turn %d, %v", turn, err)
				}
				turns[turn] = true
			})
		}
		group.Wait()
		if !turns[1] || !turns[8] {
			t.Errorf("the turns are %v", turns)
		}
	})
}

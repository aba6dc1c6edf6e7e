package sqlindex

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func wantAnswer(t *testing.T, db *DB, id byte, want []byte) {
	t.Helper()
	got, err := db.Answer(t.Context(), [32]byte{id})
	if want == nil && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || want == nil || !bytes.Equal(got, want) {
		t.Errorf("the answer %d is %q, %v; want %q", id, got, err, want)
	}
}

func TestClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db, other, id := mustOpen(t, c), mustOpen(t, c), [32]byte{1}
		claim := func(db *DB, name string, long time.Duration, want bool) {
			t.Helper()
			if claimed, err := db.ClaimAnswer(t.Context(), id, name, long); err != nil || claimed != want {
				t.Fatalf("ClaimAnswer by %q = %t, %v; want %t", name, claimed, err, want)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		claim(db, "a", time.Hour, true)
		claim(other, "b", time.Hour, false)
		claim(db, "a", time.Hour, false)
		wantAnswer(t, other, 1, nil) // a claim is no answer
		must(other.ReleaseClaim(t.Context(), id, "b"))
		must(other.RenewClaim(t.Context(), id, "b", 0))
		must(db.pruneAnswers(t.Context(), time.Now(), 0))
		claim(other, "b", time.Hour, false) // it is still a's
		must(db.ReleaseClaim(t.Context(), id, "a"))
		claim(other, "b", time.Hour, true)
		must(other.RenewClaim(t.Context(), id, "b", 0))
		claim(db, "a", time.Hour, true) // b's has expired
		must(db.KeepAnswer(t.Context(), id, []byte("done"), time.Hour))
		must(db.ReleaseClaim(t.Context(), id, "a"))
		claim(other, "b", time.Hour, false)
		wantAnswer(t, other, 1, []byte("done"))
	})
}

func TestConcurrentClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		dbs := []*DB{mustOpen(t, c), mustOpen(t, c)}
		for round := range byte(20) {
			var claimed atomic.Int64
			var group sync.WaitGroup
			for i := range 8 {
				group.Go(func() {
					ok, err := dbs[i%2].ClaimAnswer(context.WithoutCancel(t.Context()), [32]byte{round}, fmt.Sprint(i), time.Hour)
					if err != nil {
						t.Error(err)
					}
					if ok {
						claimed.Add(1)
					}
				})
			}
			group.Wait()
			if n := claimed.Load(); n != 1 {
				t.Fatalf("%d of 8 have claimed it", n)
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		keep := func(id byte, answer []byte, long time.Duration) {
			t.Helper()
			if err := db.KeepAnswer(t.Context(), [32]byte{id}, answer, long); err != nil {
				t.Fatal(err)
			}
		}
		wantAnswer(t, db, 1, nil)
		large := bytes.Repeat([]byte{0, 0xff, '\''}, 1<<20)
		keep(1, large, time.Hour)
		keep(2, []byte("first"), time.Hour)
		keep(2, []byte("second"), 2*time.Hour)
		keep(3, []byte("expired"), 0)
		wantAnswer(t, db, 1, large)
		wantAnswer(t, db, 2, []byte("second"))
		wantAnswer(t, db, 3, nil)

		again := mustOpen(t, c)
		if err := again.Prune(t.Context(), time.Now().Add(90*time.Minute)); err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, again, 1, nil)
		wantAnswer(t, again, 2, []byte("second"))
		for id := range byte(5) { // each expires later than the one before
			keep(id, []byte{id}, time.Duration(id+1)*time.Hour)
		}
		if err := again.pruneAnswers(t.Context(), time.Now(), 3); err != nil {
			t.Fatal(err)
		}
		for id, want := range [][]byte{nil, nil, {2}, {3}, {4}} {
			wantAnswer(t, again, byte(id), want)
		}
	})
}

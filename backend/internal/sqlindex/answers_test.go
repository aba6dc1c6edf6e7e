package sqlindex

import (
	"bytes"
	"errors"
	"io/fs"
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

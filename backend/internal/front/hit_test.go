package front

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestHitsAreTheBytesThatWereCached, of all sizes, for many clients at once.
func TestHitsAreTheBytesThatWereCached(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	before := w.other.Load()
	var all sync.WaitGroup
	const clients = 16
	for i := range clients {
		all.Go(func() {
			c := dial(t, w.address)
			for range 2 {
				for name, size := range sizes {
					if size > 1<<20 && i > 1 { // two will do: they take their time
						continue
					}
					if answer, body := c.ask(t, get(name)); answer.StatusCode != 200 || body != string(w.of[name]) {
						t.Errorf("client %d: %s is answered %d with %d bytes that are not the right ones", i, name, answer.StatusCode, len(body))
					}
				}
			}
		})
	}
	all.Wait()
	if n := w.other.Load() - before; n != clients { // the first request of each is for what nobody has
		t.Errorf("the handler had %d requests, want %d", n, clients)
	}
}

// TestWhatIsNotCachedGoesOnWithItsLease: the handler need not ask again.
func TestWhatIsNotCachedGoesOnWithItsLease(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	fill(t, w.node, "damaged", []byte("damaged"))
	c := dial(t, w.address)
	for _, step := range []struct{ name, lease, body string }{
		{"new", "true", "fresh"},
		{"new", "false", "fresh"}, // another one has it
		{"damaged", "false", "whole"},
		{"one?query", "", string(w.of["one"])},
	} {
		answer, body := c.ask(t, get(step.name))
		if got := answer.Header.Get("Lease"); got != step.lease || body != step.body {
			t.Errorf("%s is answered %q with the lease %q, want %q and %q", step.name, body, got, step.body, step.lease)
		}
	}
}

// TestAPanicEndsItsConnectionAlone.
func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	fill(t, w.node, "bad", []byte("panic"))
	c, other := dial(t, w.address), dial(t, w.address)
	c.send(t, get("bad"))
	if _, err := c.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection: %v, want it closed", err)
	}
	if _, body := other.ask(t, get("1k")); body != string(w.of["1k"]) {
		t.Error("the others are not served as before")
	}
}

// TestRequestsInPiecesAndInOneGo: both are net/http's, which answers them all.
func TestRequestsInPiecesAndInOneGo(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	said := strings.Repeat(get("1k")+get("100k"), 20)
	for _, piece := range []int{1, 7, 30, 1000, len(said)} {
		c := dial(t, w.address)
		go func() {
			for b := []byte(said); len(b) > 0; b = b[min(piece, len(b)):] {
				if _, err := c.Write(b[:min(piece, len(b))]); err != nil {
					t.Errorf("pieces of %d: %v", piece, err)
					return
				}
			}
		}()
		for i := range 40 {
			answer, err := http.ReadResponse(c.Reader, nil)
			if err != nil {
				t.Fatalf("pieces of %d, answer %d: %v", piece, i, err)
			}
			body, err := io.ReadAll(answer.Body)
			if want := w.of[[]string{"1k", "100k"}[i%2]]; err != nil || !bytes.Equal(body, want) {
				t.Fatalf("pieces of %d, answer %d: %d bytes, want %d, %v", piece, i, len(body), len(want), err)
			}
		}
	}
}

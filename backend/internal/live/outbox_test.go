package live

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestFault29_OnlyTheNewestTickWaits(t *testing.T) {
	o := newOutbox()
	for i := range 100 {
		o.set("stats", func() []byte { return []byte{byte(i)} })
		o.set("other", func() []byte { return []byte{200} })
	}
	if err := o.add([]byte("first")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for encode := o.pop(); encode != nil; encode = o.pop() {
		got = append(got, string(encode()))
	}
	if len(got) != 3 || got[0] != "first" || got[1] != string([]byte{99}) || got[2] != string([]byte{200}) {
		t.Errorf("got %q, want the queue, then the newest of each kind", got)
	}
}

func TestFault29_TheQueueIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ size, fits int }{
		"messages": {1, hardMessages},
		"bytes":    {1 << 20, hardBytes >> 20},
	} {
		o, n := newOutbox(), 0
		for ; n <= c.fits && o.add(make([]byte, c.size)) == nil; n++ {
		}
		if n != c.fits {
			t.Errorf("%s: %d were taken, want %d", name, n, c.fits)
		}
		o.pop()
		if err := o.add(make([]byte, c.size)); err != nil {
			t.Errorf("%s: %v after one was taken out", name, err)
		}
	}
}

func TestAnswersWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := newOutbox()
		added, failed := 0, 0
		for range 5 {
			go func() {
				switch err := o.addWaiting(ctx, make([]byte, softBytes)); {
				case err == nil:
					added++
				case errors.Is(err, context.Canceled):
					failed++
				}
			}()
		}
		for want := 1; want <= 3; want++ {
			synctest.Wait()
			if added != want {
				t.Fatalf("%d answers were taken, want %d", added, want)
			}
			o.pop()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if added != 4 || failed != 1 {
			t.Errorf("%d were taken and %d gave up, want 4 and 1", added, failed)
		}
	})
}

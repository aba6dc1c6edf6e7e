package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestFault69_CacheKilledUnderHits: no client notices.
func TestFault69_CacheKilledUnderHits(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		all.Go(func() {
			c := dial(t, w.address)
			for {
				for _, name := range []string{"1k", "16k", "100k", "300k"} {
					select {
					case <-stop:
						return
					default:
					}
					if answer, body := c.ask(t, get(name)); answer.StatusCode != 200 || body != string(w.of[name]) {
						t.Errorf("%s is answered %d with %d bytes", name, answer.StatusCode, len(body))
						return
					}
				}
			}
		})
	}
	for range 3 {
		for other := w.other.Load(); w.other.Load() < other+20; {
			w.process.Kill(t)
			w.process.Start(t)
		}
		for hits := w.hits.Load(); w.hits.Load() < hits+20; {
			found, err := w.node.Get(t.Context(), "16k") // fails while the breaker is open
			switch {
			case err == nil && found.Lease != 0:
				_ = w.node.Fill(t.Context(), "16k", found.Lease, nil, w.of["16k"])
			case err == nil && found.Release != nil:
				found.Release()
			}
		}
	}
	close(stop)
	all.Wait()
}

// TestFault70_CacheHangsUnderHits: who has asked is answered otherwise.
func TestFault70_CacheHangsUnderHits(t *testing.T) {
	w := newWorld(t, 200*time.Millisecond, nil)
	w.warm(t)
	w.process.Pause(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := dial(t, w.address)
			for range 20 {
				if answer, body := c.ask(t, get("16k")); answer.StatusCode != 200 || body != string(w.of["16k"]) {
					t.Errorf("the answer is %d with %d bytes", answer.StatusCode, len(body))
				}
			}
		})
	}
	all.Wait()
	w.process.Resume(t)
	for err := errors.ErrUnsupported; err != nil; { // the breaker waits for a request that goes well
		_, err = w.node.Get(t.Context(), "probe")
	}
	w.warm(t)
}

// TestShutdownFinishesHitsUnderWay, and closes the others.
func TestShutdownFinishesHitsUnderWay(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	c, idle := dial(t, w.address), dial(t, w.address)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(t, get("large"))
	answer, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	down := make(chan error, 1)
	go func() { down <- w.shutdown(t.Context()) }()
	if _, err := idle.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v, want it closed", err)
	}
	select {
	case err := <-down:
		t.Errorf("the shutdown did not wait: %v", err)
	default:
	}
	if body, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(body, w.of["large"]) {
		t.Errorf("the hit under way has %d bytes, %v", len(body), err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestShutdownInTimeCutsOffTheRest.
func TestShutdownInTimeCutsOffTheRest(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	c := dial(t, w.address)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(t, get("large"))
	if _, err := c.Peek(1); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the shutdown: %v", err)
	}
	if n, err := io.Copy(io.Discard, c); err == nil && n > large {
		t.Error("all of it was sent")
	}
}

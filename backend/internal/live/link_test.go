package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"memcache/frontend-wasm/link"
	"memcache/shared/api"
)

// The UI's end of the WebSocket, package link, against this one.

// linked is a client with all that it told.
type linked struct {
	*link.Client
	states chan link.State
	notes  chan string
}

func connectLink(t testing.TB, url string) *linked {
	t.Helper()
	l := &linked{states: make(chan link.State, 1000), notes: make(chan string, 1000)}
	l.Client = link.New(link.Config{
		URL:     url,
		OnState: func(s link.State) { l.states <- s },
		OnNote:  func(method string, params json.RawMessage) { l.notes <- method + " " + string(params) },
	})
	l.Start(t.Context())
	t.Cleanup(l.Close)
	return l
}

// wait waits for a state.
func (l *linked) wait(t *testing.T, what string, is func(link.State) bool) link.State {
	t.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case s := <-l.states:
			if is(s) {
				return s
			}
		case <-timeout.C:
			t.Fatalf("the connection did not become %s", what)
		}
	}
}

func (l *linked) waitOnline(t *testing.T) {
	l.wait(t, "online", func(s link.State) bool { return s.Online })
}

// bytesSource is a file in memory that counts what is read of it.
type bytesSource struct {
	data []byte
	read int64
	fail error
}

func (b *bytesSource) Size() int64 { return int64(len(b.data)) }

func (b *bytesSource) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if b.fail != nil {
		return 0, b.fail
	}
	b.read += int64(len(p))
	return bytes.NewReader(b.data).ReadAt(p, off)
}

func TestLinkCallsAndHears(t *testing.T) {
	s := serve(t, nil)
	s.objects["a"] = []byte("four")
	l := connectLink(t, s.http.URL)
	l.waitOnline(t)
	var object api.Object
	if err := l.Call(t.Context(), api.MethodStat, api.KeyParams{Key: "a"}, &object); err != nil || object.Size != 4 {
		t.Errorf("stat: %+v, %v", object, err)
	}
	err := l.Call(t.Context(), api.MethodStat, api.KeyParams{Key: "b"}, &object)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.NotFound {
		t.Errorf("stat of what is not there: %v, want code %q", err, api.NotFound)
	}
	if err := l.Call(t.Context(), "no.such", nil, nil); err == nil {
		t.Error("an unknown method worked")
	}
	s.Broadcast(api.NoteChanged, api.Changed{Key: "k"})
	if note := <-l.notes; note != `objects.changed {"key":"k"}` {
		t.Errorf("note: %s", note)
	}
}

func TestLinkMakesManyCallsAtOnce(t *testing.T) {
	s := serve(t, nil)
	l := connectLink(t, s.http.URL)
	l.waitOnline(t)
	var running sync.WaitGroup
	for i := range 1000 {
		key := fmt.Sprint(i)
		s.memory.mu.Lock()
		s.objects[key] = pattern(i + 1)
		s.memory.mu.Unlock()
		running.Go(func() {
			var object api.Object
			if err := l.Call(t.Context(), api.MethodStat, api.KeyParams{Key: key}, &object); err != nil || object.Key != key {
				t.Errorf("stat of %q: %+v, %v", key, object, err)
			}
		})
	}
	running.Wait()
}

func TestLinkComesBackWhenTheServerDoes(t *testing.T) {
	s := serve(t, nil)
	p := s.cutting(t)
	l := connectLink(t, p.addr)
	l.waitOnline(t)

	p.lead(nil)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := l.wait(t, "offline", func(s link.State) bool { return !s.Online && !s.RetryAt.IsZero() })
	if down.Err == "" || down.Since.IsZero() || !down.RetryAt.After(down.Since) {
		t.Errorf("offline state %+v lacks its reason or times", down)
	}
	err := l.Call(t.Context(), api.MethodList, api.ListQuery{}, nil)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.Unavailable {
		t.Errorf("a call while offline: %v, want code %q", err, api.Unavailable)
	}
	p.lead(serve(t, nil))
	l.Retry()
	l.waitOnline(t)
	if err := l.Call(t.Context(), api.MethodList, api.ListQuery{}, nil); err != nil {
		t.Errorf("a call after the return: %v", err)
	}
}

func TestLinkFailsCallsWhoseConnectionIsLost(t *testing.T) {
	s := serve(t, nil)
	p := s.cutting(t)
	called := make(chan struct{}, 1)
	s.beforeList = func(ctx context.Context) error {
		called <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	l := connectLink(t, p.addr)
	l.waitOnline(t)
	go func() { <-called; p.cut() }()
	err := l.Call(t.Context(), api.MethodList, api.ListQuery{}, nil)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.Unavailable {
		t.Errorf("the call that was cut: %v, want code %q", err, api.Unavailable)
	}
}

func TestLinkUploads(t *testing.T) {
	s := serve(t, nil)
	l := connectLink(t, s.http.URL)
	var running sync.WaitGroup
	for i, size := range []int{0, 1, api.ChunkBytes, api.ChunkBytes + 1, window, window + 77, 5 * api.MB} {
		running.Go(func() {
			data, key := pattern(size), fmt.Sprint(i)
			var told []int64
			object, err := l.Upload(t.Context(), link.Upload{Key: key}, &bytesSource{data: data}, func(sent, total int64) {
				if total != int64(size) {
					t.Errorf("progress of %d bytes said %d", size, total)
				}
				told = append(told, sent)
			})
			stored, _ := s.get(key)
			if err != nil || object.Key != key || object.Size != int64(size) || !bytes.Equal(stored, data) {
				t.Errorf("%d bytes: %+v, %v, stored %d", size, object, err, len(stored))
			}
			for i := 1; i < len(told); i++ {
				if told[i] <= told[i-1] {
					t.Errorf("progress goes %d, %d", told[i-1], told[i])
				}
			}
			if len(told) == 0 || told[len(told)-1] != int64(size) {
				t.Errorf("progress of %d bytes ended with %v", size, told)
			}
		})
	}
	running.Wait()
}

func TestFault79_LinkSendsOnlyTheRest(t *testing.T) {
	const size = 4 * api.MB
	s := serve(t, nil)
	p := s.cutting(t, size/10, size/2, size*99/100)
	l := connectLink(t, p.addr)
	source := &bytesSource{data: pattern(size)}
	object, err := l.Upload(t.Context(), link.Upload{Key: "k"}, source, nil)
	stored, puts := s.get("k")
	if err != nil || object.Size != size || !bytes.Equal(stored, source.data) || puts != 1 {
		t.Fatalf("%+v, %v, stored %d bytes in %d puts", object, err, len(stored), puts)
	}
	if len(p.cuts) != 0 {
		t.Errorf("%d cuts were not made", len(p.cuts))
	}
	// What was under way at a cut is lost: at most the window, three times.
	if again := source.read - size; again > 3*window {
		t.Errorf("%d bytes were sent again, want at most %d", again, 3*window)
	}
	if over := p.sent() - source.read; over > 64<<10 {
		t.Errorf("%d bytes were sent besides the file's", over)
	}
}

func TestLinkUploadsAnewToARestartedServer(t *testing.T) {
	const size = 5 * api.MB
	s := serve(t, nil)
	reading := make(chan struct{})
	s.beforePut = func(ctx context.Context) error {
		close(reading)
		<-ctx.Done() // the window fills, and there it stands
		return ctx.Err()
	}
	p := s.cutting(t)
	l := connectLink(t, p.addr)
	done := make(chan error, 1)
	source := &bytesSource{data: pattern(size)}
	go func() {
		_, err := l.Upload(t.Context(), link.Upload{Key: "k"}, source, nil)
		done <- err
	}()
	<-reading
	second := serve(t, nil)
	p.lead(second)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	err := <-done
	if stored, _ := second.get("k"); err != nil || !bytes.Equal(stored, source.data) {
		t.Errorf("%v, %d bytes are stored", err, len(stored))
	}
}

func TestAPausedUploadGoesOnWhereItWas(t *testing.T) {
	const size = 3 * window
	s := serve(t, nil)
	l := connectLink(t, s.http.URL)
	source := &bytesSource{data: pattern(size)}
	up := link.Upload{ID: link.NewID(), Key: "k"}
	ctx, pause := context.WithCancelCause(t.Context())
	_, err := l.Upload(ctx, up, source, func(sent, _ int64) {
		if sent > window {
			pause(link.ErrPaused)
		}
	})
	if !errors.Is(err, link.ErrPaused) {
		t.Fatalf("paused: %v", err)
	}
	var first int64 = -1
	_, err = l.Upload(t.Context(), up, source, func(sent, _ int64) {
		if first < 0 {
			first = sent
		}
	})
	stored, puts := s.get("k")
	if err != nil || !bytes.Equal(stored, source.data) || puts != 1 {
		t.Fatalf("%v, %d bytes are stored in %d puts", err, len(stored), puts)
	}
	if first <= window || source.read > size+window {
		t.Errorf("it went on at %d, and %d bytes were read", first, source.read)
	}
	// Sent once more, it is answered without a byte of it.
	before := source.read
	if object, err := l.Upload(t.Context(), up, source, nil); err != nil || object.Size != size || source.read != before {
		t.Errorf("again: %+v, %v, %d bytes read", object, err, source.read-before)
	}
	up = link.Upload{ID: link.NewID(), Key: "k", Cond: api.Condition{IfNew: true}}
	if _, err := l.Upload(t.Context(), up, source, nil); api.AsError(err).Code != api.PreconditionFailed {
		t.Errorf("as a new one: %v", err)
	}
	if _, puts := s.get("k"); puts != 1 {
		t.Errorf("stored %d times", puts)
	}
}

func TestLinkCancelsUploads(t *testing.T) {
	s := serve(t, nil)
	dropped := make(chan struct{})
	s.beforePut = func(ctx context.Context) error {
		<-ctx.Done()
		close(dropped)
		return ctx.Err()
	}
	l := connectLink(t, s.http.URL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := l.Upload(ctx, link.Upload{Key: "k"}, &bytesSource{data: pattern(2 * window)}, nil)
		done <- err
	}()
	eventually(t, "some of it has arrived", func() bool { return s.arrived() > 0 })
	cancel()
	err := <-done
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled upload: %v", err)
	}
	select {
	case <-dropped:
	default:
		t.Error("Upload returned before the server had dropped it")
	}
	if _, puts := s.get("k"); puts != 0 {
		t.Error("a cancelled upload was stored")
	}
}

// arrived returns how much of all uploads has arrived.
func (s *server) arrived() (n int64) {
	s.uploads.mu.Lock()
	defer s.uploads.mu.Unlock()
	for _, u := range s.uploads.byID {
		n += u.state().Offset
	}
	return n
}

func TestLinkUploadsFailPlainly(t *testing.T) {
	s := serve(t, func(c *Config, _ *limits) { c.MaxObject = 10 })
	l := connectLink(t, s.http.URL)
	for name, c := range map[string]struct {
		key    string
		source *bytesSource
		put    error
		code   api.Code
	}{
		"a bad key":         {"", &bytesSource{}, nil, api.Invalid},
		"too large":         {"k", &bytesSource{data: pattern(11)}, nil, api.TooLarge},
		"unreadable":        {"k", &bytesSource{data: pattern(5), fail: errors.New("the file was removed")}, nil, api.Invalid},
		"the disk is full":  {"k", &bytesSource{data: pattern(5)}, api.Errorf(api.Full, "no room"), api.Full},
		"the database fell": {"k", &bytesSource{data: pattern(5)}, api.Errorf(api.Unavailable, "no database"), api.Unavailable},
	} {
		s.beforePut = func(context.Context) error { return c.put }
		_, err := l.Upload(t.Context(), link.Upload{Key: c.key}, c.source, nil)
		if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != c.code {
			t.Errorf("%s: %v, want code %q", name, err, c.code)
		}
	}
}

// BenchmarkLinkUpload sends 64 MiB from one end to the other over loopback.
func BenchmarkLinkUpload(b *testing.B) {
	s := serve(b, func(c *Config, _ *limits) { c.Objects = discard{newMemory()} })
	l := connectLink(b, s.http.URL)
	source := &bytesSource{data: pattern(64 * api.MB)}
	b.SetBytes(source.Size())
	for b.Loop() {
		if _, err := l.Upload(b.Context(), link.Upload{Key: "k"}, source, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is a store that keeps nothing.
type discard struct{ *memory }

func (discard) Put(_ context.Context, key string, r io.Reader, _ api.Condition) (api.Object, error) {
	n, err := io.Copy(io.Discard, r)
	return api.Object{Key: key, Size: n}, err
}

package s3store

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// proxy is an HTTP proxy before the server, whose answers fault may take over.
type proxy struct {
	address string
	fault   atomic.Pointer[func(http.ResponseWriter, *http.Request) (done bool)]
	faults  atomic.Int64 // how many it took
}

func (w world) proxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: w.Address})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		ErrorLog:  nil,
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if fault := p.fault.Load(); fault != nil && (*fault)(rw, r) {
			return
		}
		forward.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	p.address = server.Listener.Addr().String()
	return p
}

// set makes each request of a method fail as fault does, n times.
func (p *proxy) set(method string, n int64, fault func(http.ResponseWriter, *http.Request)) {
	p.faults.Store(0)
	f := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || p.faults.Load() >= n {
			return false
		}
		p.faults.Add(1)
		fault(w, r)
		return true
	}
	p.fault.Store(&f)
}

func busy(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
}

// cutRequest ends the connection in the middle of what it takes.
func cutRequest(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 100_000)
	panic(http.ErrAbortHandler)
}

// TestPassingFaultsAreNotSeen: S3 is busy, and connections are lost in the middle of
// a part, of a small blob and of a read.
func TestPassingFaultsAreNotSeen(t *testing.T) {
	w := start(t)
	p := w.proxy(t)
	s := w.open(t, p.address, "")
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){"busy": busy, "cut": cutRequest} {
		for _, size := range []int{300_000, 2*minPartBytes + 1} {
			p.set(http.MethodPut, 2, fault)
			b := content(size)
			blob := write(t, s, b)
			if p.faults.Load() != 2 {
				t.Errorf("%s: %d faults happened, want 2", name, p.faults.Load())
			}
			p.set(http.MethodGet, 2, func(rw http.ResponseWriter, r *http.Request) { cutAnswer(t, w, rw, r) })
			wantContent(t, s, blob.ID, b)
			if p.faults.Load() != 2 {
				t.Errorf("reading: %d faults happened, want 2", p.faults.Load())
			}
		}
	}
}

// cutAnswer ends the connection in the middle of the answer.
func cutAnswer(t *testing.T, w world, rw http.ResponseWriter, r *http.Request) {
	request := r.Clone(r.Context())
	request.RequestURI, request.URL.Scheme, request.URL.Host = "", "http", w.Address
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Error(err)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.StatusCode)
	_, _ = io.CopyN(rw, answer.Body, answer.ContentLength/2)
	_ = http.NewResponseController(rw).Flush()
	panic(http.ErrAbortHandler)
}

// TestLastingFaultsAreTold: who writes or reads is told to try again later.
func TestLastingFaultsAreTold(t *testing.T) {
	w := start(t)
	p := w.proxy(t)
	s := w.open(t, p.address, "")
	blob := write(t, s, []byte("content"))
	for _, method := range []string{http.MethodPut, http.MethodGet} {
		p.set(method, 1000, busy)
		_, err := s.Write(t.Context(), strings.NewReader("other content"))
		if method == http.MethodGet {
			_, err = s.Open(t.Context(), blob.ID)
		}
		if err == nil || api.AsError(err).Code != api.Unavailable || p.faults.Load() != tries {
			t.Errorf("%s: %v after %d tries", method, err, p.faults.Load())
		}
	}
}

// TestWriterMeetsTheSweepOfAnotherBackend: what another backend is about
// to remove, and is written anew meanwhile, is there in the end.
func TestWriterMeetsTheSweepOfAnotherBackend(t *testing.T) {
	w := start(t)
	p := w.proxy(t)
	sweeper, writer := w.open(t, p.address, ""), w.open(t, "", "")
	b := []byte("removed and written at once")
	write(t, writer, b).Release()
	removing, goOn := make(chan struct{}), make(chan struct{})
	held := func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Query().Has("delete") { // DeleteObjects
			close(removing)
			<-goOn
		}
		return false
	}
	p.fault.Store(&held)
	swept := make(chan error, 1)
	go func() {
		_, err := sweeper.Sweep(t.Context(), 0, nobody)
		swept <- err
	}()
	<-removing
	written := make(chan error, 1)
	go func() {
		_, err := writer.Write(t.Context(), bytes.NewReader(b))
		written <- err
	}()
	select {
	case err := <-written:
		t.Errorf("a writer is done, with %v, while its blob is about to be removed", err)
	case <-time.After(10 * lockPause):
	}
	close(goOn)
	if err := errors.Join(<-swept, <-written); err != nil {
		t.Fatal(err)
	}
	wantContent(t, writer, idOf(b), b)
}

func idOf(b []byte) string {
	s := newSums()
	s.add(b)
	return s.id()
}

// TestGoingOn: another process goes on from what was noted last, and from nothing
// else.
func TestGoingOn(t *testing.T) {
	w := start(t)
	b := content(3*minPartBytes + 99)
	first, second := w.open(t, "", ""), w.open(t, "", "")
	first.abandoned, second.abandoned = defaultAbandoned, defaultAbandoned
	var last storage.Checkpoint
	note := func(c storage.Checkpoint) error { last = c; return nil }
	broken := errors.New("the line broke")
	if _, err := first.WriteFrom(t.Context(), io.MultiReader(bytes.NewReader(b[:2*minPartBytes+5]), failing{broken}), nil, note); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if last.Offset < minPartBytes {
		t.Fatalf("%d bytes were noted", last.Offset)
	}
	if _, err := second.Sweep(t.Context(), 0, nobody); err != nil { // spares it
		t.Fatal(err)
	}
	state := last.State
	blob, err := second.WriteFrom(t.Context(), bytes.NewReader(b[last.Offset:]), state, note)
	if err != nil || blob.ID != idOf(b) || blob.Size != int64(len(b)) {
		t.Fatalf("going on: %+v, %v", blob, err)
	}
	wantContent(t, second, blob.ID, b)
	w.wantOnly(t, blob)
	if _, err := first.WriteFrom(t.Context(), failing{broken}, state, note); !errors.Is(err, storage.ErrNoState) {
		t.Errorf("going on with what is done: %v", err)
	}
	if _, err := first.WriteFrom(t.Context(), bytes.NewReader(b), nil, func(storage.Checkpoint) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a note that fails: %v", err)
	}
	if _, err := first.WriteFrom(t.Context(), io.MultiReader(bytes.NewReader(b), failing{broken}), nil, note); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if err := first.Forget(t.Context(), last.State); err != nil {
		t.Error(err)
	}
	w.wantOnly(t, blob)
}

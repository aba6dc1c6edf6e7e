//lint:file-ignore SA1019 the successor, github.com/coder/websocket, has the same API: only the import below would change

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"memcache/shared/api"
)

// upload is a PUT whose body the test writes bit by bit.
type upload struct {
	body *io.PipeWriter
	done chan struct{} // closed when there is an answer or an error
	got  reply
	err  error
}

// startUpload sends first, and returns when the server has begun to read it:
// only then does it ask for the body that "Expect" holds back.
func startUpload(s *site, key string, first []byte) *upload {
	s.t.Helper()
	r, w := io.Pipe()
	u := &upload{body: w, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	req, err := http.NewRequestWithContext(ctx, "PUT", s.url+"/objects/"+key, r)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	go func() {
		defer close(u.done)
		defer transport.CloseIdleConnections()
		u.got, u.err = send(&http.Client{Transport: transport}, req)
		_ = r.Close()
	}()
	s.t.Cleanup(func() {
		u.abandon()
		cancel()
	})
	if _, err := w.Write(first); err != nil {
		s.t.Fatalf("the upload was refused: %v", err)
	}
	return u
}

// abandon ends the upload without its end; the client waits for that even when
// the server has gone.
func (u *upload) abandon() {
	_ = u.body.CloseWithError(errors.New("abandoned by the test"))
	<-u.done
}

func dial(s *site) *websocket.Conn {
	s.t.Helper()
	conn, resp, err := websocket.Dial(s.t.Context(), strings.Replace(s.url, "http", "ws", 1)+api.LivePath, nil)
	if err != nil {
		s.t.Fatalf("dial: %v (%v)", err, resp)
	}
	conn.SetReadLimit(api.MaxMessageBytes)
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// subscribe asks for statistics and waits for the answer.
func subscribe(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	ask := api.Request{JSONRPC: "2.0", ID: json.RawMessage("1"), Method: api.MethodSubscribe}
	data, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, data); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := conn.Read(t.Context()); err != nil || !bytes.Contains(answer, []byte(`"samples"`)) {
		t.Fatalf("%s answered %q, %v", api.MethodSubscribe, answer, err)
	}
}

func TestFault82_SignalInMidUploadAndMidStream(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn := dial(s)
	subscribe(t, conn)
	half := bytes.Repeat([]byte("half "), 1<<18)
	u := startUpload(s, "drained", half)

	s.signal(syscall.SIGTERM)
	for {
		_, _, err := conn.Read(t.Context())
		if err == nil {
			continue // statistics that were under way
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
			t.Errorf("the socket was closed with %v (%v), want %v", got, err, websocket.StatusGoingAway)
		}
		break
	}
	if _, err := http.Get(s.url + "/healthz"); err == nil {
		t.Error("new requests are still answered")
	}
	if _, err := u.body.Write(half); err != nil {
		t.Fatalf("the upload was cut off: %v", err)
	}
	_ = u.body.Close()
	<-u.done
	if u.err != nil || u.got.StatusCode != http.StatusCreated {
		t.Fatalf("the upload ended with %v, %v, want 201", u.got.Response, u.err)
	}
	if code := s.exitCode(30 * time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.start()
	if got := s.do("GET", "/objects/drained", nil, http.StatusOK); !bytes.Equal(got.body, append(half, half...)) {
		t.Errorf("%d bytes came back, want the %d that were acknowledged", len(got.body), 2*len(half))
	}
	s.stop()
}

// A client that never goes on cannot hold the end up.
func TestFault82_StuckUploadIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t)
	u := startUpload(s, "stuck", []byte("some of it"))
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(25 * time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	u.abandon()
	if u.err == nil {
		t.Errorf("the upload was answered with %s", u.got.Status)
	}
	s.start()
	s.do("GET", "/objects/stuck", nil, http.StatusNotFound)
	s.stop()
}

func TestFault82_SecondSignalForces(t *testing.T) {
	t.Parallel()
	s := start(t)
	startUpload(s, "stuck", []byte("some of it"))
	s.signal(syscall.SIGTERM)
	s.says("ending MemCache", 10*time.Second)
	began := time.Now()
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(8 * time.Second); code != 130 {
		t.Errorf("exit code %d after the second signal, want 130", code)
	}
	t.Logf("ended %v after the second signal", time.Since(began))
	s.start()
	s.do("GET", "/objects/stuck", nil, http.StatusNotFound)
	s.stop()
}

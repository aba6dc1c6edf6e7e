package front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is what a busy machine does not exceed.
const patience = 20 * time.Second

// serve runs a server of h and returns its address and a function that shuts it
// down. Without a front it is plain net/http.
func serve(t testing.TB, h http.Handler, fronted bool) (address string, shutdown func(context.Context) error) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, IdleTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	front := New(Config{Listener: tcp, Handler: h, Prefix: "/objects/", Idle: time.Minute})
	listener := tcp
	if fronted {
		listener = front
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	shutdown = func(ctx context.Context) error { return errors.Join(server.Shutdown(ctx), front.Drain(ctx)) }
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return tcp.Addr().String(), shutdown
}

// client is a connection whose first request is over.
type client struct {
	*net.TCPConn
	*bufio.Reader
}

func (c client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func dial(t testing.TB, address string) client {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	c := client{nc.(*net.TCPConn), bufio.NewReader(nc)}
	c.ask(t, "GET /objects/first HTTP/1.1\r\nHost: h\r\n\r\n")
	return c
}

// send sends a request, for whose answer there is as much patience as for any
// other.
func (c client) send(t testing.TB, text string) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c.TCPConn, text); err != nil {
		t.Fatal(err)
	}
}

// ask sends a request and returns the answer.
func (c client) ask(t testing.TB, request string) (answer *http.Response, body string) {
	t.Helper()
	c.send(t, request)
	answer, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatalf("the answer to %.60q: %v", request, err)
	}
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("the body of the answer to %.60q: %v", request, err)
	}
	return answer, string(all)
}

// echo tells what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	text := fmt.Sprintf("%s %q %q %s %q host %q header %q body %q %v close %t length %d encoding %q query %q path %q",
		r.Method, r.RequestURI, r.URL.String(), r.Proto, r.URL.RawPath, r.Host, fmt.Sprint(r.Header), body, err, r.Close, r.ContentLength, r.TransferEncoding, r.URL.RawQuery, r.URL.Path)
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Odd", "a\r\nInjected: b")
	_, _ = io.WriteString(w, text)
}

// conversation sends what is said after a first request, and nothing after it,
// and returns all answers.
func conversation(t testing.TB, address, said string) string {
	c := dial(t, address)
	c.send(t, said)
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for {
		answer, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			rest, _ := io.ReadAll(c)
			fmt.Fprintf(&all, "rest %q", rest)
			return all.String()
		}
		body, err := io.ReadAll(answer.Body)
		answer.Header.Del("Date")
		fmt.Fprintf(&all, "%s %v %v %q %v\n", answer.Status, answer.Header, answer.Close, body, err)
	}
}

var conversations = []string{
	"GET /objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a%20b?x=1&y HTTP/1.1\r\nHost: localhost:80\r\nAccept: */*\r\naccept: text/html\r\nX-Under_score:  v \t\r\n\r\n",
	"GET /objects/%zz HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a#b HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET //objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/\xff HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /other HTTP/1.1\r\nHost: h\r\n\r\nGET /objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a HTTP/1.0\r\nHost: h\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: a b\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost:\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost : h\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nX\r\n\r\n",
	"GET  /objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a  HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a HTTP/1.1\nHost: h\n\n",
	"get /objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET http://h/objects/a HTTP/1.1\r\nHost: i\r\n\r\n",
	"HEAD /objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /objects/b HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /objects/b HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nPragma: no-cache\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\nKeep-Alive: 5\r\nTE: trailers\r\n\r\n",
	"GET /objects/a HTTP/1.1\r\nHost: h\r\n",
	"GET /objects/a",
	"PUT /objects/a HTTP/1.1\r\nHost: h\r\nContent-Length: 41\r\n\r\nGET /objects/inner HTTP/1.1\r\nHost: h\r\n\r\n  GET /objects/b HTTP/1.1\r\nHost: h\r\n\r\n",
	"\r\n\r\nGET /objects/a HTTP/1.1\r\nHost: h\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"",
}

// TestAnswersAsNetHTTPDoes: no client can tell whether a request was answered
// here or by net/http.
func TestAnswersAsNetHTTPDoes(t *testing.T) {
	plain, _ := serve(t, http.HandlerFunc(echo), false)
	fronted, _ := serve(t, http.HandlerFunc(echo), true)
	for _, said := range conversations {
		if want, got := conversation(t, plain, said), conversation(t, fronted, said); got != want {
			t.Errorf("%q\ngot  %s\nwant %s", said, got, want)
		}
	}
}

func FuzzAnswersAsNetHTTPDoes(f *testing.F) {
	for _, said := range conversations {
		f.Add(said)
	}
	plain, _ := serve(f, http.HandlerFunc(echo), false)
	fronted, _ := serve(f, http.HandlerFunc(echo), true)
	f.Fuzz(func(t *testing.T, said string) {
		if len(said) > 2000 { // it must leave in one piece
			return
		}
		if want, got := conversation(t, plain, said), conversation(t, fronted, said); got != want {
			t.Errorf("%q\ngot  %s\nwant %s", said, got, want)
		}
	})
}

// byFront tells whether w is ours.
func byFront(w http.ResponseWriter) bool {
	_, ours := w.(*reply)
	return ours
}

// TestOnlyWholePlainRequestsAreTaken: what looks like a request in a body, or
// after half of one, must not be answered as one.
func TestOnlyWholePlainRequestsAreTaken(t *testing.T) {
	arrived := make(chan struct{}, 10)
	address, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%t %s %s", byFront(w), r.URL, body)
	}), true)
	const get = "GET /objects/x HTTP/1.1\r\nHost: h\r\n\r\n"
	c := dial(t, address)
	<-arrived
	for _, step := range []struct{ request, want string }{
		{get, "true /objects/x "},
		{"GET /page HTTP/1.1\r\nHost: h\r\n\r\n", "false /page "},
		{get, "true /objects/x "},
	} {
		if _, body := c.ask(t, step.request); body != step.want {
			t.Errorf("%q was answered %q, want %q", step.request, body, step.want)
		}
		<-arrived
	}
	c.send(t, fmt.Sprintf("PUT /objects/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(get)))
	<-arrived // so that the body comes in a segment of its own
	if _, body := c.ask(t, get); body != "false /objects/x "+get {
		t.Errorf("a body was answered %q", body)
	}
	if _, body := c.ask(t, get); body != "false /objects/x " {
		t.Errorf("after a body the answer is %q: the connection should be net/http's", body)
	}
	<-arrived
	if n := len(arrived); n > 0 {
		t.Errorf("%d requests were answered twice", n)
	}
}

// TestNetHTTPStillNoticesThatAClientLeaves, though it may not read ahead.
func TestNetHTTPStillNoticesThatAClientLeaves(t *testing.T) {
	began, left := make(chan struct{}, 2), make(chan struct{})
	address, _ := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page" {
			return
		}
		began <- struct{}{}
		<-r.Context().Done()
		close(left)
	}), true)
	c := dial(t, address)
	c.send(t, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n")
	<-began
	c.Close()
	select {
	case <-left:
	case <-time.After(patience):
		t.Error("the handler was not told")
	}
}

// TestReplies: with and without a length, empty, from a file, cut short.
func TestReplies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	long := strings.Repeat("0123456789abcdef", 1<<16)
	if err := os.WriteFile(file, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	handlers := map[string]http.HandlerFunc{
		"short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		},
		"long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			_, _ = io.WriteString(w, long[:10])
			_, _ = io.WriteString(w, long[10:])
		},
		"unknown length": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long[:20000])
			_, _ = io.WriteString(w, "")
			_, _ = io.WriteString(w, long[20000:])
		},
		"nothing":      func(http.ResponseWriter, *http.Request) {},
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"error":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) },
		"file":         func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) },
		"copied": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader(long))
		},
		"closes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "bye")
		},
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			_, _ = io.WriteString(w, "abc")
			if _, err := io.WriteString(w, "d"); err == nil {
				panic("more than the length was taken")
			}
		},
		"with deadline": func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience)); err != nil {
				panic(err)
			}
			_, _ = io.WriteString(w, "in time")
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "abc")
		},
		"aborted": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long)
			panic(http.ErrAbortHandler)
		},
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do := handlers[strings.TrimPrefix(r.URL.Path, "/objects/")]; do != nil {
			w.Header().Set("Content-Type", "text/plain")
			do(w, r)
		}
	})
	plain, _ := serve(t, h, false)
	fronted, _ := serve(t, h, true)
	for name := range handlers {
		var texts [2]string
		for i, address := range []string{plain, fronted} {
			c := dial(t, address)
			c.send(t, "GET /objects/"+strings.ReplaceAll(name, " ", "%20")+" HTTP/1.1\r\nHost: h\r\n\r\n")
			answer, err := http.ReadResponse(c.Reader, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				body = nil // how much of it was sent is a matter of buffers
			}
			_, _ = io.WriteString(c.TCPConn, "GET /objects/short HTTP/1.1\r\nHost: h\r\n\r\n")
			next := "closed"
			if again, err := http.ReadResponse(c.Reader, nil); err == nil {
				next = again.Status
			}
			texts[i] = fmt.Sprintf("%d %q %t %v %s, then %s", answer.StatusCode, answer.Header["Content-Type"], answer.Close, err, body, next)
		}
		if texts[0] != texts[1] {
			t.Errorf("%s\ngot  %.300q\nwant %.300q", name, texts[1], texts[0])
		}
	}
}

// TestShutdownWaitsForRepliesUnderWay: to net/http their connections are idle.
func TestShutdownWaitsForRepliesUnderWay(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	address, shutdown := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if byFront(w) && r.URL.Path == "/objects/x" {
			close(began)
			<-goOn
		}
		w.Header().Set("Content-Length", "4")
		_, _ = io.WriteString(w, "done")
	}), true)
	c, idle := dial(t, address), dial(t, address)
	c.send(t, "GET /objects/x HTTP/1.1\r\nHost: h\r\n\r\n")
	<-began
	down := make(chan error, 1)
	go func() { down <- shutdown(t.Context()) }()
	if _, err := idle.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v, want it closed", err)
	}
	select {
	case err := <-down:
		t.Errorf("the shutdown did not wait: %v", err)
	default:
	}
	close(goOn)
	all, err := io.ReadAll(c)
	if err != nil || !bytes.HasSuffix(all, []byte("\r\n\r\ndone")) {
		t.Errorf("the reply under way is %q, %v", all, err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestABusyConnectionIsNotIdle: one that asks for longer than the idle time.
func TestABusyConnectionIsNotIdle(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	const idle = 300 * time.Millisecond
	server := &http.Server{Handler: h, IdleTimeout: idle}
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(New(Config{Listener: tcp, Handler: h, Prefix: "/objects/", Idle: idle}))
	}()
	c := dial(t, tcp.Addr().String())
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); {
		c.ask(t, "GET /objects/x HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	if _, err := c.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("then: %v, want it closed for being idle", err)
	}
	_ = server.Close()
	<-served
}

package front

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
)

func inOurWords(remote string, status int, why string) (http.Header, []byte) {
	return http.Header{"From": {remote}}, fmt.Appendf(nil, "%d %q", status, why)
}

// refusingWithout is such a server without loops, with TLS or not.
func refusingWithout(t *testing.T, h http.Handler, config *tls.Config) (address string) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, IdleTimeout: time.Minute, MaxHeaderBytes: 4 << 10, TLSConfig: config, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	l := Refusing(tcp, server, inOurWords)
	served := make(chan error, 1)
	go func() {
		if config != nil {
			served <- server.ServeTLS(l, "", "")
			return
		}
		served <- server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return tcp.Addr().String()
}

// refusing is a server whose own refusals are told by a function.
func refusing(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, IdleTimeout: time.Minute, MaxHeaderBytes: 4 << 10}
	front := New(Config{Listener: tcp, Handler: h, Prefix: "/objects/", Idle: time.Minute, Refuse: inOurWords})
	front.Attach(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(front) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := front.Drain(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return tcp.Addr().String()
}

// TestRefusalsOfNetHTTP: net/http refuses what is no request in words of ours,
// as the first thing on a connection or after requests that it had answered.
func TestRefusalsOfNetHTTP(t *testing.T) {
	looksLikeOne := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" { // so that the end of the body leaves by itself
			_, _ = io.WriteString(w, strings.Repeat("x", 4096))
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, looksLikeOne)
	})
	for name, address := range map[string]string{"with loops": refusing(t, handler), "without": refusingWithout(t, handler, nil)} {
		t.Run(name, func(t *testing.T) { refusesInOurWords(t, address, looksLikeOne) })
	}
}

func refusesInOurWords(t *testing.T, address, looksLikeOne string) {
	for _, c := range []struct {
		said, status, body string
	}{
		{"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "431 Request Header Fields Too Large", `431 ""`},
		{"GET /" + strings.Repeat("x", 100_000) + " HTTP/1.1\r\nHost: h\r\n\r\n", "431 Request Header Fields Too Large", `431 ""`},
		{"nonsense\r\n\r\n", "400 Bad Request", `400 ""`},
		{"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", `400 "missing required Host header"`},
		{"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", "400 Bad Request", `400 ""`},
		{"GET / HTTP/1.1\r\nHost: h\r\nX y: z\r\n\r\n", "400 Bad Request", `400 "invalid header name"`},
		{"GET / HTTP/1.1\r\nHost: h\r\nX: \x01\r\n\r\n", "400 Bad Request", `400 ""`},
		{"GET / HTTP/9.9\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported", `505 "unsupported protocol version"`},
		{"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: odd\r\n\r\n", "501 Not Implemented", `501 "Unsupported transfer encoding"`},
	} {
		for _, before := range []string{"", "/", "/long"} {
			nc := dial(t, address)
			if before != "" {
				for range 2 {
					answer, body := nc.ask(t, "GET "+before+" HTTP/1.1\r\nHost: h\r\n\r\n")
					if answer.StatusCode != 200 || !strings.HasSuffix(body, looksLikeOne) {
						t.Fatalf("%s is answered %d with %.200q", before, answer.StatusCode, body)
					}
				}
			}
			go func() { _, _ = io.WriteString(nc, c.said) }() // it may not be read whole
			answer, err := http.ReadResponse(nc.Reader, nil)
			if err != nil {
				t.Fatalf("%.40q after %q: %v", c.said, before, err)
			}
			body, err := io.ReadAll(answer.Body)
			if answer.Status != c.status || string(body) != c.body || err != nil || !answer.Close || answer.Header.Get("From") != nc.LocalAddr().String() {
				t.Errorf("%.40q after %q: %s, %q, %v, %v; want %s, %q", c.said, before, answer.Status, body, err, answer.Header, c.status, c.body)
			}
			_ = nc.Close()
		}
	}
}

// TestWithoutTLSWhereTLSIsSpoken: who comes without it is told so, in our words.
func TestWithoutTLSWhereTLSIsSpoken(t *testing.T) {
	made := certstest.Write(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(made.Cert, made.Key)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(withoutTLS) })
	address := refusingWithout(t, handler, &tls.Config{Certificates: []tls.Certificate{pair}})
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answer, body := client{nc.(*net.TCPConn), bufio.NewReader(nc)}.ask(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if answer.StatusCode != 400 || !answer.Close || !strings.Contains(body, "https://") || answer.Header.Get("From") != nc.LocalAddr().String() {
		t.Errorf("the answer is %s %v %q", answer.Status, answer.Header, body)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: made.Pool}}}
	defer client.CloseIdleConnections()
	over, err := client.Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer over.Body.Close()
	if text, err := io.ReadAll(over.Body); err != nil || over.StatusCode != 200 || string(text) != string(withoutTLS) {
		t.Errorf("over TLS the answer is %s %q, %v", over.Status, text, err)
	}
}

//lint:file-ignore SA1019 the successor, github.com/coder/websocket, has the same API: only the import below would change

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"nhooyr.io/websocket"

	"memcache/shared/api"
)

// TestOneLimitForAllUploads: uploads over the WebSocket and over HTTP share the
// places that -max-uploads gives.
func TestOneLimitForAllUploads(t *testing.T) {
	b := startBackend(t, "-data", t.TempDir(), "-max-uploads", "1")
	socket, _, err := websocket.Dial(t.Context(), b.url+api.LivePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	id := strings.Repeat("ab", 16)

	if answer := b.call(socket, api.MethodUpload, api.UploadStart{Upload: id, Key: "first", Size: 5}); strings.Contains(answer, `"error"`) {
		t.Fatalf("the first upload is answered with %s", answer)
	}
	b.unavailable("PUT", "/objects/second", "x")
	b.unavailable("POST", "/api/v1/objects", "x")
	b.call(socket, api.MethodCancel, api.UploadRef{Upload: id})

	body, more := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", b.url+"/objects/second", body)
		if err == nil {
			_, err = http.DefaultClient.Do(r)
		}
		ended <- err
	}()
	for range 32 { // more than buffers have room for: the handler reads, so it has its place
		if _, err := more.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	id = strings.Repeat("cd", 16)
	answer := b.call(socket, api.MethodUpload, api.UploadStart{Upload: id, Key: "third", Size: 5})
	if !strings.Contains(answer, string(api.Unavailable)) || !strings.Contains(answer, "1 uploads") {
		t.Errorf("an upload beside one over HTTP is answered with %s", answer)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if answer := b.call(socket, api.MethodUpload, api.UploadStart{Upload: id, Key: "third", Size: 5}); strings.Contains(answer, `"error"`) {
		t.Errorf("an upload after that is answered with %s", answer)
	}
}

// call calls a method over the WebSocket and returns the answer, past notes.
func (b *backend) call(socket *websocket.Conn, method string, params any) string {
	b.t.Helper()
	text, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	text = fmt.Appendf(nil, `{"jsonrpc": "2.0", "id": 1, "method": %q, "params": %s}`, method, text)
	if err := socket.Write(b.t.Context(), websocket.MessageText, text); err != nil {
		b.t.Fatal(err)
	}
	for {
		_, answer, err := socket.Read(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		if strings.Contains(string(answer), `"id":1`) {
			return string(answer)
		}
	}
}

// TestFault19_WhatIsNoRequestGetsAProblemDocument, also where net/http refuses it
// before any handler of ours has it.
func TestFault19_WhatIsNoRequestGetsAProblemDocument(t *testing.T) {
	b := startBackend(t, "-data", t.TempDir())
	for said, status := range map[string]int{
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n": 431,
		"GET /objects/k HTTP/1.1\r\n\r\n":           400,
		"\x16\x03\x01\x00\x05hello\r\n\r\n":         400,
		"GET / HTTP/7.7\r\nHost: localhost\r\n\r\n": 505,
	} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(nc, said) }() // it may not be read whole
		answer, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", said, err)
		}
		var problem struct {
			Title, Detail, Code, RequestID string
			Status                         int
		}
		err = json.NewDecoder(answer.Body).Decode(&problem)
		if err != nil || answer.StatusCode != status || problem.Status != status || problem.Title != http.StatusText(status) || problem.Detail == "" || problem.RequestID == "" {
			t.Errorf("%.40q is answered with %s: %+v, %v", said, answer.Status, problem, err)
		}
		for name, want := range map[string]string{"Content-Type": "application/problem+json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%.40q: %s is %q, want %q", said, name, got, want)
			}
		}
		if !strings.Contains(b.log.String(), problem.RequestID) {
			t.Errorf("the log does not have the request %s", problem.RequestID)
		}
		_ = nc.Close()
	}
}

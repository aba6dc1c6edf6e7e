package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage/storagetest"
)

// backend is a whole backend in this process.
type backend struct {
	t    *testing.T
	url  string
	said *lockedBuffer // after the address
	log  *lockedBuffer
	stop func()
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startBackend runs a backend with args until the test ends or stop is called.
func startBackend(t *testing.T, args ...string) *backend {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	b := &backend{t: t, said: &lockedBuffer{}, log: &lockedBuffer{}}
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), none, strings.NewReader(""), stdout, b.log)
		ended <- err
		_ = stdout.CloseWithError(io.EOF) // it never fails
	}()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the backend ended with %v", err)
		}
	})
	t.Cleanup(b.stop)
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("the backend said %q: %v\n%s", line, err, b.log)
	}
	go func() { _, _ = io.Copy(b.said, said) }() // ends when run does
	b.url = strings.TrimSpace(line[strings.LastIndex(line, " "):])
	return b
}

// send sends a request and returns the answer with its body read.
func (b *backend) send(method, path, body string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer, string(content), err
}

// do is send for requests that are to be answered.
func (b *backend) do(method, path, body string) (*http.Response, string) {
	b.t.Helper()
	answer, content, err := b.send(method, path, body)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.log)
	}
	return answer, content
}

// want sends a request that is to be answered with status.
func (b *backend) want(status int, method, path, body string) (*http.Response, string) {
	b.t.Helper()
	answer, content := b.do(method, path, body)
	if answer.StatusCode != status {
		b.t.Fatalf("%s %s is answered with %s: %s, want %d\n%s", method, path, answer.Status, content, status, b.log)
	}
	return answer, content
}

// within waits until the request is answered with status.
func (b *backend) within(limit time.Duration, status int, method, path, body string) {
	b.t.Helper()
	b.until(limit, fmt.Sprint(status), method, path, body, func(answer *http.Response) bool { return answer.StatusCode == status })
}

// untilHit reads an object until it comes from the cache. On a busy machine the
// backend may have distrusted that for a moment, or have lost the right to fill it
// in an answer that came too late: until that has expired, nobody else has it.
func (b *backend) untilHit(path string) {
	b.t.Helper()
	b.until(3*wellAgain, "a hit", "GET", path, "", func(answer *http.Response) bool {
		return strings.Contains(answer.Header.Get("Cache-Status"), "; hit")
	})
}

func (b *backend) until(limit time.Duration, want, method, path, body string, done func(*http.Response) bool) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); ; <-tick.C {
		answer, content := b.do(method, path, body)
		if done(answer) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s %s is answered with %s: %s for %v, want %s\n%s", method, path, answer.Status, content, limit, want, b.log)
		}
	}
}

// wellAgain is how long after its database a backend may take to be well again.
const wellAgain = 10 * time.Second

// notReady checks that readiness says which part is missing.
func (b *backend) notReady(part string) {
	b.t.Helper()
	_, content := b.want(http.StatusServiceUnavailable, "GET", "/readyz", "")
	var answer struct {
		Status string
		Parts  map[string]string
	}
	if err := json.Unmarshal([]byte(content), &answer); err != nil || answer.Status != "not ready" || answer.Parts[part] == "ok" || answer.Parts[part] == "" {
		b.t.Errorf("readiness is %s, %v; want it to name %s", content, err, part)
	}
}

// unavailable checks that a request is refused for now, and says when to come back.
func (b *backend) unavailable(method, path, body string) {
	b.t.Helper()
	if answer, _ := b.want(http.StatusServiceUnavailable, method, path, body); answer.Header.Get("Retry-After") == "" {
		b.t.Errorf("%s %s is answered without Retry-After", method, path)
	}
}

func TestFault59_StartWithMySQLDown(t *testing.T) {
	server := mariadbtest.Own(t)
	b := startBackend(t, "-data", t.TempDir(), "-database", server.DSN())
	b.want(http.StatusOK, "GET", "/healthz", "")
	b.notReady("database")
	b.unavailable("PUT", "/objects/k", "v")
	b.unavailable("GET", "/objects/k", "")
	b.unavailable("GET", "/api/v1/objects", "")
	b.want(http.StatusOK, "GET", "/healthz", "")
	if says := b.log.String(); !strings.Contains(says, "the database does not answer; serving without it, and trying again") || strings.Contains(says, "p@ss") {
		t.Errorf("the log does not say it, or says too much:\n%s", says)
	}

	server.Start()
	b.within(wellAgain, http.StatusOK, "GET", "/readyz", "")
	b.want(http.StatusCreated, "PUT", "/objects/k", "v")
	if _, content := b.want(http.StatusOK, "GET", "/objects/k", ""); content != "v" {
		t.Errorf("the object holds %q", content)
	}
	if says := b.log.String(); !strings.Contains(says, "the database answers") {
		t.Errorf("the log does not say that it is well:\n%s", says)
	}
}

// A backend that ends while it still waits for its database leaves nothing behind.
func TestFault59_EndWithMySQLStillDown(t *testing.T) {
	dsn, stop := mariadbtest.StartTCP(t)
	stop()
	data := t.TempDir()
	b := startBackend(t, "-data", data, "-database", dsn)
	b.stop()
	if holder, err := os.ReadFile(filepath.Join(data, "lock")); err != nil || len(holder) != 0 {
		t.Errorf("the data folder is held by %q, %v", holder, err)
	}
}

// A database that is gone is not begun anew beside the objects that it named.
func TestFault65_LostSQLiteFile(t *testing.T) {
	for name, lose := range map[string]func(file string) error{
		"removed": os.Remove,
		"emptied": func(file string) error { return os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			b := startBackend(t, "-data", data)
			b.want(http.StatusCreated, "PUT", "/objects/k", "v")
			b.stop()
			if err := lose(filepath.Join(data, "memcache.db")); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-data", data}, none, strings.NewReader(""), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), "missing or empty") || !strings.Contains(err.Error(), "restore") {
				t.Errorf("the start gives %v, want a refusal that says how to restore", err)
			}
		})
	}
}

// A password that is wrong does not become right by waiting.
func TestWrongPasswordEndsTheStart(t *testing.T) {
	dsn := strings.Replace(mariadbtest.Start(t), "mysql://memcache:", "mysql://memcache:wrong", 1)
	err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-data", t.TempDir(), "-database", dsn}, none, strings.NewReader(""), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "Access denied") {
		t.Errorf("it ended with %v, want the database's refusal", err)
	}
}

func TestFault60And61_MySQLKilledInTrafficAndBack(t *testing.T) {
	server := mariadbtest.Own(t)
	server.Start()
	b := startBackend(t, "-data", t.TempDir(), "-database", server.DSN())
	b.want(http.StatusCreated, "PUT", "/objects/kept", "before")

	ctx, cancel := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	for range 4 {
		traffic.Go(func() {
			for ctx.Err() == nil {
				answer, content, err := b.send("PUT", "/objects/busy", "x")
				if err != nil {
					t.Error(err)
					return
				}
				switch answer.StatusCode {
				case http.StatusOK, http.StatusCreated, http.StatusNoContent:
				case http.StatusServiceUnavailable:
					if answer.Header.Get("Retry-After") == "" {
						t.Error("a write is refused without Retry-After")
					}
				default:
					t.Errorf("a write is answered with %s: %s", answer.Status, content)
				}
			}
		})
	}
	for range 2 {
		b.within(wellAgain, http.StatusOK, "GET", "/readyz", "")
		b.within(wellAgain, http.StatusOK, "GET", "/objects/busy", "")
		server.Kill()
		b.unavailable("PUT", "/objects/kept", "meanwhile")
		b.notReady("database")
		b.want(http.StatusOK, "GET", "/healthz", "")
		server.Start()
		b.within(wellAgain, http.StatusOK, "GET", "/readyz", "")
		b.want(http.StatusOK, "GET", "/objects/kept", "")
	}
	cancel()
	traffic.Wait()
	if _, content := b.want(http.StatusOK, "GET", "/objects/kept", ""); content != "before" {
		t.Errorf("the object holds %q, although that write was refused", content)
	}
}

func TestFault60_HotKeysComeFromTheCacheMeanwhile(t *testing.T) {
	cache := storagetest.StartCache(t, storagetest.BuildCache(t))
	server := mariadbtest.Own(t)
	server.Start()
	b := startBackend(t, "-data", t.TempDir(), "-database", server.DSN(), "-cache", cache.Address)
	b.want(http.StatusCreated, "PUT", "/objects/hot", "v")
	b.want(http.StatusCreated, "PUT", "/objects/cold", "v")
	b.untilHit("/objects/hot")
	server.Kill()
	answer, content := b.want(http.StatusOK, "GET", "/objects/hot", "")
	if status := answer.Header.Get("Cache-Status"); content != "v" || !strings.Contains(status, "hit") {
		t.Errorf("the hot object holds %q, with the status %q", content, status)
	}
	b.unavailable("GET", "/objects/cold", "")
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/sqlindex/mariadbtest"
)

// copied runs the command copy, which has to go well, and returns what it says.
func copied(t *testing.T, args ...string) string {
	t.Helper()
	said, err := tryCopy(t, args...)
	if err != nil {
		t.Fatalf("copy %v: %v\n%s", args, err, said)
	}
	return said
}

func tryCopy(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var stderr lockedBuffer
	err := run(t.Context(), append([]string{"copy"}, args...), none, strings.NewReader(""), io.Discard, &stderr)
	return stderr.String(), err
}

// acknowledged are the objects that were acknowledged, by their keys; "" for those deleted.
type acknowledged struct {
	mu      sync.Mutex
	objects map[string]string
}

// write changes objects of b until it is refused, and then goes on reading until ctx
// ends: no read may fail.
func (a *acknowledged) write(ctx context.Context, b *backend, writer int) error {
	random := rand.New(rand.NewPCG(uint64(writer), 1))
	frozen := false
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("writer %d/%d", writer, random.IntN(30))
		method, body := http.MethodPut, fmt.Sprintf("%s|%d|%s", key, n, strings.Repeat("x", random.IntN(5000)))
		if random.IntN(5) == 0 {
			method, body = http.MethodDelete, ""
		}
		if frozen {
			method, body = http.MethodGet, ""
		}
		answer, content, err := b.send(method, "/objects?key="+url.QueryEscape(key), body)
		switch {
		case err != nil:
			return err
		case method != http.MethodGet && answer.StatusCode == http.StatusServiceUnavailable && strings.Contains(content, "is being copied to another place"):
			frozen = true
		case answer.StatusCode >= 500:
			return fmt.Errorf("%s %s: %s: %s", method, key, answer.Status, content)
		case method == http.MethodGet:
			if want := a.get(key); content != want && (want != "" || answer.StatusCode != http.StatusNotFound) {
				return fmt.Errorf("%s is read as %.60q, want %.60q", key, content, want)
			}
		case answer.StatusCode < 300:
			a.set(key, body)
		}
	}
	if !frozen {
		return errors.New("it was never refused")
	}
	return nil
}

func (a *acknowledged) get(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.objects[key]
}

func (a *acknowledged) set(key, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects[key] = body
}

// wantAll checks that b has what was acknowledged, and no more.
func (a *acknowledged) wantAll(b *backend) {
	b.t.Helper()
	there := 0
	for key, want := range a.objects {
		if want == "" {
			b.want(http.StatusNotFound, http.MethodGet, "/objects?key="+url.QueryEscape(key), "")
			continue
		}
		there++
		if _, content := b.want(http.StatusOK, http.MethodGet, "/objects?key="+url.QueryEscape(key), ""); content != want {
			b.t.Errorf("%s is %.60q, want %.60q", key, content, want)
		}
	}
	if n := len(b.list()); n != there {
		b.t.Errorf("there are %d objects, want %d", n, there)
	}
}

// TestCopyWhileServed: writers go on until the last pass, and readers beyond it; what
// was acknowledged is at the new place, and, moved back, at a third.
func TestCopyWhileServed(t *testing.T) {
	s3test.Set(t)
	server, dsn := s3test.Start(t), mariadbtest.Start(t)
	data, store := t.TempDir(), server.Location("", "moved")
	b := startBackend(t, "-data", data, "-log-level", "error")
	b.want(http.StatusOK, http.MethodPut, "/api/v1/cache", `{"capacity": 7340032, "policy": "random"}`)
	all := &acknowledged{objects: map[string]string{}}
	for i := range 100 {
		key := fmt.Sprintf("before/%d é %%", i)
		all.objects[key] = strings.Repeat(key, i*50)
		b.want(http.StatusCreated, http.MethodPut, "/objects?key="+url.QueryEscape(key), all.objects[key])
	}
	all.objects["before/0 é %"] = "now it has bytes"
	b.want(http.StatusOK, http.MethodPut, "/objects?key="+url.QueryEscape("before/0 é %"), "now it has bytes")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			if err := all.write(ctx, b, w); err != nil {
				t.Errorf("writer %d: %v\n%s", w, err, b.log)
			}
		})
	}
	to := []string{"-data", data, "-to", dsn + "," + store}
	for range 2 {
		if said := copied(t, to...); !strings.Contains(said, "run the same again") {
			t.Errorf("it says %s", said)
		}
	}
	refused := startRefused(t, "-data", t.TempDir(), "-database", dsn, "-store", store)
	if !strings.Contains(refused, "a part of a copy") {
		t.Errorf("a start before the end: %s", refused)
	}
	if said := copied(t, append(to, "-finish")...); !strings.Contains(said, "servers can be started on -to") {
		t.Errorf("it says %s", said)
	}
	moved := startBackend(t, "-data", t.TempDir(), "-database", dsn, "-store", store, "-log-level", "error")
	b.want(http.StatusOK, http.MethodGet, "/readyz", "")
	cancel()
	writers.Wait()
	b.stop()
	all.wantAll(moved)
	if _, now := moved.want(http.StatusOK, http.MethodGet, "/api/v1/cache", ""); !strings.Contains(now, `"capacity":7340032`) || !strings.Contains(now, `"policy":"random"`) {
		t.Errorf("the settings are %s", now)
	}
	if said := copied(t, append(to, "-finish")...); !strings.Contains(said, "before, which can be served") {
		t.Errorf("once more, it says %s", said)
	}
	all.set("after", "stored at the new place")
	moved.want(http.StatusCreated, http.MethodPut, "/objects?key=after", "stored at the new place")

	third := filepath.Join(t.TempDir(), "third")
	copied(t, "-from", dsn, "-from", store, "-to", third, "-finish", "-verify=false", "-parallel", "2")
	moved.stop()
	all.wantAll(startBackend(t, "-data", third))
}

// startRefused starts a backend that must not start, and returns why.
func startRefused(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), none, strings.NewReader(""), io.Discard, &lockedBuffer{})
	if err == nil {
		t.Fatal("it started")
	}
	return err.Error()
}

// TestCopyOfBlobsAlone: the rows stay, and are the new store's servers' to change.
func TestCopyOfBlobsAlone(t *testing.T) {
	s3test.Set(t)
	data, store := t.TempDir(), s3test.Start(t).Location("", "")
	b := startBackend(t, "-data", data)
	b.want(http.StatusCreated, http.MethodPut, "/objects/a", "a")
	copied(t, "-from", data, "-to", store)
	b.want(http.StatusCreated, http.MethodPut, "/objects/b", "b")
	if said := copied(t, "-from", data, "-to", store, "-finish"); !strings.Contains(said, "restart the servers with the new -store") {
		t.Errorf("it says %s", said)
	}
	if answer, said := b.do(http.MethodPut, "/objects/c", "c"); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(said, "in another store by now") {
		t.Errorf("with the old store, a write is answered with %s: %s", answer.Status, said)
	}
	for _, key := range []string{"a", "b"} {
		if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/"+key, ""); content != key {
			t.Errorf("with the old store, %s is %q", key, content)
		}
	}
	if said := copied(t, "-from", data, "-to", store, "-finish"); !strings.Contains(said, "before, which can be served") {
		t.Errorf("once more, it says %s", said)
	}
	if said, err := tryCopy(t, "-from", data, "-to", t.TempDir()); err == nil || !strings.Contains(err.Error(), "copy from there") {
		t.Errorf("from the old store: %v, %s", err, said)
	}
	b.stop()
	if err := os.RemoveAll(filepath.Join(data, "blobs")); err != nil {
		t.Fatal(err)
	}
	b = startBackend(t, "-data", data, "-store", store)
	b.want(http.StatusCreated, http.MethodPut, "/objects/c", "c")
	for _, key := range []string{"a", "b", "c"} {
		if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/"+key, ""); content != key {
			t.Errorf("%s is %q", key, content)
		}
	}
}

// TestCopyOfRowsAlone to MySQL: the files are served from where they are.
func TestCopyOfRowsAlone(t *testing.T) {
	data, dsn := t.TempDir(), mariadbtest.Start(t)
	b := startBackend(t, "-data", data)
	b.want(http.StatusCreated, http.MethodPut, "/objects/a", "a")
	copied(t, "-data", data, "-to", dsn, "-finish")
	if answer, _ := b.do(http.MethodDelete, "/objects/a", ""); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a deletion at the old place is answered with %s", answer.Status)
	}
	copied(t, "-data", data, "-reopen")
	b.want(http.StatusNoContent, http.MethodDelete, "/objects/a", "")
	b.want(http.StatusCreated, http.MethodPut, "/objects/a", "a")
	b.stop()
	b = startBackend(t, "-data", data, "-database", dsn)
	if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/a", ""); content != "a" {
		t.Errorf("a is %q", content)
	}
}

// TestCopyKilled: copies that are killed at any moment go on; when one has ended, a
// server at the new place has all bytes.
func TestCopyKilled(t *testing.T) {
	s3test.Set(t)
	server, dsn := s3test.Start(t), mariadbtest.Start(t)
	data, store := t.TempDir(), server.Location("", "moved")
	b := startBackend(t, "-data", data, "-log-level", "error")
	all := &acknowledged{objects: map[string]string{}}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 150 {
		content := make([]byte, random.IntN(200_000))
		if i%50 == 0 {
			content = make([]byte, 12<<20)
		}
		for j := range content {
			content[j] = byte(random.Uint32())
		}
		key := fmt.Sprint("k/", i)
		all.objects[key] = string(content)
		b.want(http.StatusCreated, http.MethodPut, "/objects/"+key, all.objects[key])
	}
	kills := 0
	for limit := 100 * time.Millisecond; ; limit = limit * 3 / 2 {
		killed, said := copyUntil(t, time.Duration(random.Int64N(int64(limit)))+limit/2, "-data", data, "-to", dsn, "-to", store, "-parallel", "4", "-finish")
		if !killed {
			t.Logf("%d were killed; then: %s", kills, said)
			break
		}
		kills++
		if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/k/1", ""); content != all.objects["k/1"] {
			t.Error("the source has other bytes")
		}
	}
	if kills < 3 {
		t.Errorf("only %d copies were killed", kills)
	}
	b.stop()
	all.wantAll(startBackend(t, "-data", t.TempDir(), "-database", dsn, "-store", store))
}

// copyUntil runs the command copy in a process that is killed after a time, unless it
// has ended well by then.
func copyUntil(t *testing.T, limit time.Duration, args ...string) (killed bool, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), asBackend+"="+strings.Join(append([]string{"copy"}, args...), "\n"))
	var out bytes.Buffer
	cmd.Stderr = &out
	err := cmd.Run()
	if err != nil && ctx.Err() == nil {
		t.Fatalf("the copy ended with %v:\n%s", err, &out)
	}
	return err != nil, out.String()
}

// TestCopyTellsWhatItCannotCopy, and ends with an error; interrupted, it says how to go on.
func TestCopyTellsWhatItCannotCopy(t *testing.T) {
	data, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	b := startBackend(t, "-data", data)
	b.want(http.StatusCreated, http.MethodPut, "/objects/whole", "whole")
	b.want(http.StatusCreated, http.MethodPut, "/objects/damaged", "damaged")
	files, err := filepath.Glob(filepath.Join(data, "blobs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err != nil || string(content) == "damaged" {
			if err := errors.Join(err, os.WriteFile(file, []byte("DAMAGED"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	said, err := tryCopy(t, "-data", data, "-to", to, "-finish")
	if err == nil || !strings.Contains(err.Error(), "run the same again") || !strings.Contains(said, `not copied: "damaged": its bytes are not those`) {
		t.Errorf("it ends with %v, and says\n%s", err, said)
	}
	b.want(http.StatusOK, http.MethodPut, "/objects/damaged", "anew")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, []string{"copy", "-data", data, "-to", to}, none, strings.NewReader(""), io.Discard, &lockedBuffer{}); err == nil {
		t.Error("an interrupted copy ends well")
	}
	copied(t, "-data", data, "-to", to, "-finish")
	b.stop()
	if _, content := startBackend(t, "-data", to).want(http.StatusOK, http.MethodGet, "/objects/damaged", ""); content != "anew" {
		t.Errorf("it is %q", content)
	}
}

// TestPlacesOfACopy: what the flags name, and what is refused.
func TestPlacesOfACopy(t *testing.T) {
	const mysql, other, bucket = "mysql://u:secret@h/a", "mysql://u:secret@h/b", "s3://bucket/p?region=x"
	for args, want := range map[string][2]place{
		"-from /a -to /b":                                      {{data: "/a"}, {data: "/b"}},
		"-data /a -to " + mysql:                                {{data: "/a"}, {data: "/a", database: mysql}},
		"-from /a -to " + bucket:                               {{data: "/a"}, {data: "/a", store: bucket}},
		"-from /a -to " + bucket + "," + mysql:                 {{data: "/a"}, {database: mysql, store: bucket}},
		"-from /a -to " + bucket + " -to /b":                   {{data: "/a"}, {data: "/b", store: bucket}},
		"-from " + mysql + " -from " + bucket + " -to /b":      {{database: mysql, store: bucket}, {data: "/b"}},
		"-from " + mysql + "," + bucket + " -to " + other:      {{database: mysql, store: bucket}, {database: other, store: bucket}},
		"-database " + mysql + " -data /a -to " + bucket:       {{data: "/a", database: mysql}, {database: mysql, store: bucket}},
		"-database " + mysql + " -store " + bucket + " -to /b": {{database: mysql, store: bucket}, {data: "/b"}},
		"-from " + bucket + " -from /a -to /b -to " + bucket:   {{data: "/a", store: bucket}, {data: "/b", store: bucket}},
	} {
		c, err := parseConfig(append([]string{"copy"}, strings.Fields(args)...), none, io.Discard)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		from, err := c.source()
		to, failed := c.target(from)
		if err := errors.Join(err, failed); err != nil || from != want[0] || to != want[1] {
			t.Errorf("%s: from %+v to %+v, %v; want %+v", args, from, to, err, want)
		}
	}
	for args, want := range map[string]string{
		"copy":                                                                "needs -to",
		"copy -to /b more":                                                    "more",
		"copy -from /a -to /a":                                                "nothing to copy",
		"copy -from /a -to postgres://secret":                                 "no folder, mysql://… or s3://…",
		"copy -from /a -to mysql://u:secret@h":                                "the database address",
		"copy -from /a -to s3://key:secret@bucket":                            "credentials",
		"copy -from " + mysql + " -to /a":                                     "no store",
		"copy -from " + bucket + " -to /a":                                    "no database, or no store",
		"copy -from /a,/b -to /c":                                             "two folders",
		"copy -from /a -to " + mysql + "," + bucket + ",/b":                   "leave one of them out",
		"copy -from /a," + mysql + " -to /b," + mysql:                         "move the folder",
		"copy -from " + mysql + "," + bucket + " -to s3://bucket/p/," + mysql: "nothing to copy",
		"copy -reopen -to /b":                                                 "leave -to",
		"copy -to /b -parallel 0":                                             "-parallel",
		"-to /b":                                                              "command copy",
		"backup -finish x":                                                    "command copy",
	} {
		_, err := parseConfig(strings.Fields(args), none, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q in it", args, err, want)
		}
	}
	env := map[string]string{"MEMCACHE_TO": "/b," + mysql, "MEMCACHE_FROM": "/a"}
	c, err := parseConfig([]string{"copy", "-from", "/c"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil || c.from.String() != "/c" || c.to.String() != "/b,"+mysql {
		t.Errorf("with an environment: %v, %v, %v", c.from, c.to, err)
	}
}

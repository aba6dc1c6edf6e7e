package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"memcache/backend/internal/s3store/s3test"
)

// TestObjectsOnS3: two backends, one after the other, have nothing on their own disks
// but the database.
func TestObjectsOnS3(t *testing.T) {
	s3test.Set(t)
	server := s3test.Start(t)
	data := t.TempDir()
	b := startBackend(t, "-data", data, "-store", server.Location("", "my/objects"))
	large := strings.Repeat("0123456789abcdef", 1<<20)
	b.want(http.StatusCreated, http.MethodPut, "/objects/small", "content")
	b.want(http.StatusCreated, http.MethodPut, "/objects/large", large)
	b.stop()
	if _, err := os.Stat(filepath.Join(data, "blobs")); err == nil {
		t.Error("the data folder has blobs")
	}
	b = startBackend(t, "-data", data, "-store", server.Location("", "my/objects"))
	if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/small", ""); content != "content" {
		t.Errorf("read %q", content)
	}
	if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/large", ""); content != large {
		t.Errorf("read %d bytes, want %d", len(content), len(large))
	}
	b.want(http.StatusOK, http.MethodGet, "/readyz", "")

	server.Stop()
	if answer, said := b.do(http.MethodGet, "/objects/large", ""); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a read without S3 is answered with %s: %s", answer.Status, said)
	}
	if answer, said := b.do(http.MethodPut, "/objects/new", "x"); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a write without S3 is answered with %s: %s", answer.Status, said)
	}
	b.notReady("store")
	server.Restart()
	if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/large", ""); content != large {
		t.Errorf("read %d bytes, want %d", len(content), len(large))
	}
	b.want(http.StatusCreated, http.MethodPut, "/objects/new", "x")
}

// TestBackupOfS3 is restored to files.
func TestBackupOfS3(t *testing.T) {
	s3test.Set(t)
	server := s3test.Start(t)
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	b := startBackend(t, "-data", data, "-store", server.Location("", ""))
	b.want(http.StatusCreated, http.MethodPut, "/objects/a", "content of a")
	if err := runCommand(t, strings.NewReader(""), &bytes.Buffer{}, "backup", "-data", data, "-store", server.Location("", ""), file); err != nil {
		t.Fatal(err)
	}
	b.stop()
	for _, store := range []string{"", server.Location("", "another")} {
		other := t.TempDir()
		if err := runCommand(t, strings.NewReader(""), &bytes.Buffer{}, "restore", "-data", other, "-store", store, file); err != nil {
			t.Fatal(err)
		}
		b = startBackend(t, "-data", other, "-store", store)
		if _, content := b.want(http.StatusOK, http.MethodGet, "/objects/a", ""); content != "content of a" {
			t.Errorf("restored to %q, it reads %q", store, content)
		}
		b.stop()
	}
	err := runCommand(t, strings.NewReader(""), &bytes.Buffer{}, "restore", "-data", t.TempDir(), "-store", server.Location("", ""), file)
	if err == nil || !strings.Contains(err.Error(), "restore into an empty one") {
		t.Errorf("a restore over objects: %v", err)
	}
}

// TestS3ThatCannotBeUsedEndsTheStart, and says what is wrong.
func TestS3ThatCannotBeUsedEndsTheStart(t *testing.T) {
	s3test.Set(t)
	server := s3test.Start(t)
	for name, test := range map[string]struct{ store, variable, value, want string }{
		"no bucket":      {store: strings.Replace(server.Location("", ""), "objects", "others", 1), want: "the bucket of the store is not there"},
		"no account":     {variable: "AWS_ACCESS_KEY_ID", value: "nobody", want: "refuses the credentials"},
		"wrong secret":   {variable: "AWS_SECRET_ACCESS_KEY", value: "guessed-by-somebody", want: "refuses the credentials"},
		"no credentials": {variable: "AWS_ACCESS_KEY_ID", value: "", want: "AWS_ACCESS_KEY_ID"},
		"no server":      {store: "s3://objects?endpoint=http://127.0.0.1:1", want: "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.store == "" {
				test.store = server.Location("", "")
			}
			if test.variable != "" {
				t.Setenv(test.variable, test.value)
			}
			var said bytes.Buffer
			data := t.TempDir()
			err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-data", data, "-store", test.store}, none, strings.NewReader(""), &said, &said)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the start ends with %v, want %q in it", err, test.want)
			}
			if all := said.String() + err.Error(); strings.Contains(all, s3test.SecretKey) || strings.Contains(all, "guessed") {
				t.Errorf("it tells the secret: %s", all)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, []string{"-data", t.TempDir(), "-store", server.Location("", "")}, none, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("a start that was interrupted went well")
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/shared/api"
)

// runCommand runs a command of the program.
func runCommand(t *testing.T, stdin io.Reader, stdout io.Writer, args ...string) error {
	t.Helper()
	var stderr lockedBuffer
	err := run(t.Context(), args, none, stdin, stdout, &stderr)
	t.Logf("%v: %v\n%s", args, err, &stderr)
	return err
}

// atFirst calls do before the first byte is written to w.
type atFirst struct {
	io.Writer
	do func()
}

func (a *atFirst) Write(p []byte) (int, error) {
	if a.do != nil {
		a.do()
		a.do = nil
	}
	return a.Writer.Write(p)
}

// list returns all objects of a backend.
func (b *backend) list() (all []api.Object) {
	b.t.Helper()
	after := ""
	for {
		_, content := b.want(http.StatusOK, "GET", "/api/v1/objects?sort=key&limit=1000&after="+after, "")
		var page api.List
		if err := json.Unmarshal([]byte(content), &page); err != nil {
			b.t.Fatal(err)
		}
		all = append(all, page.Objects...)
		if after = page.Next; after == "" {
			return all
		}
	}
}

// TestFault68_BackupAndRestoreDuringWrites backs a server up while it writes,
// deletes everything and sweeps, from each kind of database to each: every row
// of the copy has its blob, and what was stored before is there.
func TestFault68_BackupAndRestoreDuringWrites(t *testing.T) {
	databases := map[string]func(*testing.T) string{
		"SQLite":  func(*testing.T) string { return "" },
		"MariaDB": func(t *testing.T) string { return mariadbtest.Start(t) },
	}
	for from, fromDSN := range databases {
		t.Run(from, func(t *testing.T) {
			data, dsn := t.TempDir(), fromDSN(t)
			b := startBackend(t, "-data", data, "-database", dsn)
			settled := map[string]string{}
			for i := range 40 {
				key := fmt.Sprintf("settled/%d é %%_'\"?#", i)
				settled[key] = key + "|" + strings.Repeat("x", i*100)
				b.want(http.StatusCreated, "PUT", "/objects?key="+url.QueryEscape(key), settled[key])
			}
			archive := filepath.Join(t.TempDir(), "archive")
			backUpDuringWrites(t, b, data, dsn, archive)
			b.stop()
			for to, toDSN := range databases {
				t.Run("to "+to, func(t *testing.T) {
					data, dsn := t.TempDir(), toDSN(t)
					if err := runCommand(t, nil, nil, "restore", "-data", data, "-database", dsn, archive); err != nil {
						t.Fatal(err)
					}
					wantRestored(t, startBackend(t, "-data", data, "-database", dsn), maps.Clone(settled))
				})
			}
		})
	}
}

// backUpDuringWrites backs b up to the file archive while others change it.
func backUpDuringWrites(t *testing.T, b *backend, data, dsn, archive string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 0))
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("busy-%d", random.IntN(20))
				method, body := "PUT", fmt.Sprintf("%s|%d/%d", key, w, n)
				if random.IntN(4) == 0 {
					method, body = "DELETE", ""
				}
				if answer, content, err := b.send(method, "/objects/"+key, body); err != nil || answer.StatusCode >= 500 {
					t.Errorf("%s %s: %v, %s", method, key, err, content)
					return
				}
			}
		})
	}
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The backup sees one moment. Right after it all objects go, and a sweep
	// removes at once what nobody holds.
	gone := &atFirst{f, func() { b.want(http.StatusOK, "POST", "/api/delete_all", "") }}
	if err := runCommand(t, nil, gone, "backup", "-", "-data", data, "-database", dsn); err != nil {
		t.Error(err)
	}
	if gone.do != nil {
		t.Error("nothing was deleted during the backup")
	}
	cancel()
	writers.Wait()
}

// wantRestored checks that b has what was settled, and that every row has its blob.
func wantRestored(t *testing.T, b *backend, settled map[string]string) {
	t.Helper()
	for _, o := range b.list() {
		answer, content := b.want(http.StatusOK, "GET", "/objects?key="+url.QueryEscape(o.Key), "")
		if answer.Header.Get("ETag") != o.ETag || int64(len(content)) != o.Size || !strings.HasPrefix(content, o.Key+"|") {
			t.Errorf("%q, of %d bytes with the ETag %s, is answered with %d bytes: %.40q", o.Key, o.Size, o.ETag, len(content), content)
		}
		if want, ok := settled[o.Key]; ok {
			if content != want {
				t.Errorf("%q has other bytes", o.Key)
			}
			delete(settled, o.Key)
		}
	}
	if len(settled) > 0 {
		t.Errorf("%d objects are missing that were stored before the backup", len(settled))
	}
	b.want(http.StatusOK, "GET", "/readyz", "")
	b.want(http.StatusCreated, "PUT", "/objects/new", "it can be written to")
}

func TestBackupFile(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "backup.tar")
	b := startBackend(t, "-data", data)
	b.want(http.StatusCreated, "PUT", "/objects/k", "v")
	if err := runCommand(t, nil, nil, "backup", "-data", data, file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if names, err := filepath.Glob(filepath.Dir(file) + "/*"); err != nil || len(names) != 1 {
		t.Errorf("beside it are %q, %v", names, err)
	}
	if err := runCommand(t, nil, nil, "backup", "-data", data, file); err == nil || !strings.Contains(err.Error(), "there is a file") {
		t.Errorf("a second backup to the same file: %v", err)
	}
	if err := runCommand(t, nil, nil, "restore", "-data", data, file); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("restored under a running server: %v", err)
	}
	b.stop()
	if err := runCommand(t, nil, nil, "restore", "-data", data, file); err == nil || !strings.Contains(err.Error(), "has objects already") {
		t.Errorf("restored over objects: %v", err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := runCommand(t, bytes.NewReader(content[:len(content)/2]), nil, "restore", "-data", copied, "-"); err == nil || !strings.Contains(err.Error(), "damaged or not whole") {
		t.Errorf("half a backup: %v", err)
	}
	if err := runCommand(t, bytes.NewReader(content), nil, "restore", "-data", copied, "-"); err != nil {
		t.Errorf("after that, a whole one: %v", err)
	}
	if _, content := startBackend(t, "-data", copied).want(http.StatusOK, "GET", "/objects/k", ""); content != "v" {
		t.Errorf("the object holds %q", content)
	}
}

func TestBackupFails(t *testing.T) {
	empty := t.TempDir()
	dsn, stop := mariadbtest.StartTCP(t)
	stop()
	for name, args := range map[string][]string{
		"no file":       {"backup"},
		"two files":     {"backup", "a", "b"},
		"no data":       {"backup", "-data", filepath.Join(empty, "absent"), filepath.Join(empty, "out")},
		"other folder":  {"backup", "-data", empty, filepath.Join(empty, "out")},
		"bad flag":      {"restore", "-no-such", "x"},
		"absent backup": {"restore", "-data", filepath.Join(empty, "new"), filepath.Join(empty, "absent")},
		"database down": {"restore", "-data", filepath.Join(empty, "new"), "-database", dsn, os.DevNull},
	} {
		if err := runCommand(t, nil, nil, args...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := os.Stat(filepath.Join(empty, "out")); err == nil {
		t.Error("a backup that failed left a file")
	}
}

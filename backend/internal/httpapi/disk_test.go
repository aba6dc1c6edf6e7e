package httpapi

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"memcache/backend/internal/disk/disktest"
	"memcache/backend/internal/filestore"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

// onDisk starts a server on a disk that can be made to fail.
func onDisk(t *testing.T, limit int64) (*world, *disktest.Faults, *storage.Store) {
	t.Helper()
	faults := &disktest.Faults{}
	files, err := filestore.Open(filepath.Join(t.TempDir(), "data"), filestore.Config{MaxBytes: limit, Disk: faults.Wrap})
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	objects, err := storage.New(storage.Config{Blobs: files, Index: &storagetest.MemIndex{}, MaxObject: maxObject, Grace: time.Nanosecond})
	must(t, err)
	t.Cleanup(func() { must(t, objects.Close(context.Background())) })
	w := start(t, func(c *Config) {
		c.Objects = objects
		c.Parts = []Part{{Name: "store", Required: true, Check: files.Check}, {Name: "room", Check: files.CheckRoom}}
	})
	return w, faults, objects
}

func (w *world) wantReady(status string) {
	w.t.Helper()
	if a := w.want(w.do("GET", "/readyz", nil), 200); !strings.Contains(a.body, `"status":"`+status+`"`) {
		w.t.Errorf("/readyz says %s, want %q", a.body, status)
	}
}

// TestFault50_54_56_DiskTrouble: writes fail with the status that says what to do, reads go
// on, /readyz tells, and all is well by itself when the disk is.
func TestFault50_54_56_DiskTrouble(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  error
		status int
	}{
		{"Fault50_DiskFull", syscall.ENOSPC, 507},
		{"Fault54_ReadOnly", syscall.EROFS, 503},
		{"Fault54_NotPermitted", syscall.EACCES, 503},
		{"Fault56_OutOfDescriptors", syscall.EMFILE, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, faults, _ := onDisk(t, 0)
			w.want(w.put("before", "stored before"), 201)
			w.wantReady("ready")
			faults.Fail(test.fault)
			for range 3 {
				a := w.put("new", "new content")
				w.wantProblem(a, test.status)
				if got := a.Header.Get("Retry-After"); (got != "") != (test.status == 503) {
					t.Errorf("with the status %d, Retry-After is %q", test.status, got)
				}
			}
			w.wantProblem(w.put("before", "overwritten"), test.status)
			w.want(w.get("new"), 404)
			if a := w.want(w.get("before"), 200); a.body != "stored before" {
				t.Errorf("the old object holds %q", a.body)
			}
			w.wantReady("degraded")
			faults.Heal()
			w.wantReady("ready")
			w.want(w.put("new", "new content"), 201)
			w.want(w.put("before", "overwritten"), 200)
		})
	}
}

func TestFault50_LimitOfTheStore(t *testing.T) {
	w, _, objects := onDisk(t, 1000)
	w.want(w.put("a", strings.Repeat("a", 900)), 201)
	w.wantProblem(w.put("b", strings.Repeat("b", 101)), 507, "-max-store")
	w.want(w.put("b", strings.Repeat("b", 100)), 201)
	w.wantReady("degraded")
	if a := w.want(w.get("a"), 200); len(a.body) != 900 {
		t.Errorf("a full store gives %d bytes", len(a.body))
	}
	w.want(w.do("DELETE", "/objects/a", nil), 204)
	must(t, objects.Sweep(t.Context()))
	w.wantReady("ready")
	w.want(w.put("c", strings.Repeat("c", 900)), 201)
}

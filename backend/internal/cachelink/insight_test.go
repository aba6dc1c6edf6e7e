package cachelink

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"memcache/backend/internal/storage/storagetest"
	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/cache/trace"
	"memcache/cache/trace/unpack"
	"memcache/shared/api"
)

// A node of ours tells its curves of every policy; a memcached has none.
func TestCurves(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		all := c.Curves(t.Context())
		if strings.Contains(t.Name(), "memcached") {
			if len(all) != 0 {
				t.Errorf("a memcached told curves: %+v", all)
			}
			return
		}
		if len(all) != 1 || len(all[0].Windows) != 2 || !all[0].Exact || all[0].Rate != 1 || all[0].Capacity == 0 {
			t.Fatalf("the node told %+v", all)
		}
		for _, w := range all[0].Windows {
			if len(w.Curves) != len(policy.Infos()) {
				t.Errorf("%d curves in the window of %d seconds", len(w.Curves), w.Seconds)
			}
			for _, curve := range w.Curves {
				if n := len(curve.Points); n != 11 || curve.Points[0].Capacity != all[0].Capacity/64 || curve.Points[n-1].Capacity != all[0].Capacity*16 {
					t.Errorf("%s has the points %+v", curve.Policy, curve.Points)
				}
			}
		}
	})
}

// A recording is begun, ended and read from a node of ours; a memcached cannot.
func TestRecordings(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		start := api.RecordingStart{MaxBytes: api.MB, Seconds: 60}
		if strings.Contains(t.Name(), "memcached") {
			wantInvalid(t, c.StartRecording(t.Context(), start))
			return
		}
		var file bytes.Buffer
		wantConflict(t, c.StopRecording(t.Context()))
		wantConflict(t, c.ReadRecording(t.Context(), &file))
		wantInvalid(t, c.StartRecording(t.Context(), api.RecordingStart{MaxBytes: 1 << 40, Seconds: 60}))
		if err := c.StartRecording(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		wantConflict(t, c.StartRecording(t.Context(), start))
		wantConflict(t, c.ReadRecording(t.Context(), &file))
		for i := range 10 {
			if _, err := c.Get(t.Context(), fmt.Sprint("secret", i)); err != nil {
				t.Fatal(err)
			}
		}
		var r api.Recording
		for r.Events < 10 { // the node's worker has not seen them all
			var err error
			if r, err = c.Recording(t.Context()); err != nil || r.State != api.RecordingRunning {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		if err := c.StopRecording(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.ReadRecording(t.Context(), &file); err != nil {
			t.Fatal(err)
		}
		r, err := c.Recording(t.Context())
		if err != nil || r.State != api.RecordingDone || r.Bytes != int64(file.Len()) {
			t.Errorf("%d bytes were read of %+v, %v", file.Len(), r, err)
		}
		plain, err := unpack.Reader(&file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := trace.Read(plain, sim.MaxRequests)
		if err != nil || len(got.Requests) < 10 {
			t.Errorf("%d requests were recorded, %v", len(got.Requests), err)
		}
	})
}

func wantConflict(t *testing.T, err error) {
	t.Helper()
	if err == nil || api.AsError(err).Code != api.Conflict {
		t.Errorf("got %v, want a conflict", err)
	}
}

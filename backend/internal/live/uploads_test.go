package live

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memcache/backend/internal/access"
	"memcache/shared/api"
)

func TestUploadsAreStoredWhole(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	for i, size := range []int{0, 1, api.ChunkBytes, window, window + 1, 3*api.MB + 12345} {
		data, id, key := pattern(size), uploadID(i), fmt.Sprint(size)
		state := p.startUpload(id, key, size)
		if want := int64(min(size, window)); state.Credit != want || state.Offset != 0 || state.Upload != id {
			t.Errorf("size %d: started with %+v, want credit %d", size, state, want)
		}
		p.sendAll(state, data, len(data))
		var object api.Object
		p.must(api.MethodFinish, api.UploadRef{Upload: id}, &object)
		if stored, _ := s.get(key); !bytes.Equal(stored, data) || object.Key != key || object.Size != int64(size) {
			t.Errorf("size %d: %+v with %d bytes was stored", size, object, len(stored))
		}
	}
}

func TestTheCreditFollowsTheStore(t *testing.T) {
	s := serve(t, nil)
	gate := make(chan struct{})
	s.beforePut = func(context.Context) error { <-gate; return nil }
	p := s.connect(t)
	data := pattern(window + 10)
	state := p.startUpload(uploadID(1), "k", len(data))
	p.sendAll(state, data, window)
	state = p.startUpload(uploadID(1), "k", len(data)) // as a resumption would
	if state.Offset != window || state.Credit != window {
		t.Errorf("while the store takes nothing: %+v, want offset and credit %d", state, window)
	}
	close(gate)
	for state.Credit < int64(len(data)) {
		state = p.uploadNote(uploadID(1))
	}
}

func TestFault80_WrongChunksFailTheUpload(t *testing.T) {
	const size = window + 1000
	for _, c := range []struct {
		name   string
		send   func(p *peer, id string)
		expect string
	}{
		{"a gap", func(p *peer, id string) { p.chunk(id, 8, []byte("x")) }, "next byte is 7"},
		{"a step back", func(p *peer, id string) { p.chunk(id, 6, []byte("x")) }, "next byte is 7"},
		{"a huge offset", func(p *peer, id string) { p.chunk(id, 1<<62, []byte("x")) }, "next byte is 7"},
		{"an empty chunk", func(p *peer, id string) { p.chunk(id, 7, nil) }, "empty"},
		{"more than the credit", func(p *peer, id string) {
			for at := int64(7); at < window; at += api.ChunkBytes {
				p.chunk(id, at, pattern(api.ChunkBytes))
			}
		}, "credit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, nil)
			s.beforePut = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } // takes nothing
			p := s.connect(t)
			id := uploadID(1)
			p.startUpload(id, "k", size)
			p.chunk(id, 0, []byte("0123456"))
			c.send(p, id)
			p.wantFailure(id, c.expect)
			if _, puts := s.get("k"); puts != 0 {
				t.Error("the upload was stored")
			}
		})
	}
}

// wantFailure waits for the note that the upload failed, and asks for the
// outcome in the two other ways.
func (p *peer) wantFailure(id, expect string) {
	p.t.Helper()
	var state api.UploadState
	for state.Error == nil {
		state = p.uploadNote(id)
	}
	finish := p.call(api.MethodFinish, api.UploadRef{Upload: id}, nil)
	for _, err := range []*api.Error{state.Error, finish} {
		if err == nil || err.Code != api.Invalid || !strings.Contains(err.Message, expect) {
			p.t.Errorf("failed with %v, want code %q and %q", err, api.Invalid, expect)
		}
	}
	p.chunk(id, 7, []byte("late")) // what was on its way does no harm
	p.must(api.MethodPing, api.Empty{}, nil)
}

func TestFault80_ChunksBeyondTheSizeFailTheUpload(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	p.startUpload(uploadID(1), "k", 10)
	p.chunk(uploadID(1), 0, []byte("0123456"))
	p.chunk(uploadID(1), 7, []byte("7890"))
	p.wantFailure(uploadID(1), "beyond the size")

	p.startUpload(uploadID(2), "k", 3)
	p.chunk(uploadID(2), 0, []byte("012"))
	p.must(api.MethodFinish, api.UploadRef{Upload: uploadID(2)}, nil)
	p.chunk(uploadID(2), 3, []byte("3"))
	p.must(api.MethodPing, api.Empty{}, nil)
	if b, puts := s.get("k"); string(b) != "012" || puts != 1 {
		t.Errorf("stored %q in %d puts", b, puts)
	}
}

func TestFault80_AnUnfinishedUploadIsNeverComplete(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	p.startUpload(uploadID(1), "k", 10)
	p.chunk(uploadID(1), 0, []byte("01234"))
	if err := p.call(api.MethodFinish, api.UploadRef{Upload: uploadID(1)}, nil); err == nil || err.Code != api.Invalid {
		t.Errorf("finish of 5 of 10 bytes: %v, want code %q", err, api.Invalid)
	}
	p.chunk(uploadID(1), 5, []byte("56789")) // it may still go on
	p.must(api.MethodFinish, api.UploadRef{Upload: uploadID(1)}, nil)
	if b, _ := s.get("k"); string(b) != "0123456789" {
		t.Errorf("stored %q", b)
	}
}

func TestUploadsAreBounded(t *testing.T) {
	s := serve(t, func(c *Config, l *limits) {
		c.BeginUpload, l.perClient, c.MaxObject = access.NewUploads(3).Begin, 2, 100
	})
	p, other := s.connect(t), s.connect(t)
	start := func(p *peer, n int, size int64) *api.Error {
		return p.call(api.MethodUpload, api.UploadStart{Upload: uploadID(n), Key: "k", Size: size}, nil)
	}
	for i, c := range []struct {
		p    *peer
		size int64
		code api.Code
	}{
		{p, 101, api.TooLarge},
		{p, -1, api.Invalid},
		{p, 100, ""},
		{p, 100, ""},
		{p, 100, api.TooMany}, // its own bound
		{other, 100, ""},
		{other, 100, api.Unavailable}, // the bound of all
	} {
		if err := start(c.p, i, c.size); (err == nil) != (c.code == "") || err != nil && err.Code != c.code {
			t.Errorf("upload %d: %v, want code %q", i, err, c.code)
		}
	}
	p.must(api.MethodCancel, api.UploadRef{Upload: uploadID(2)}, nil)
	if err := start(p, 9, 100); err != nil {
		t.Errorf("after one was cancelled: %v", err)
	}
}

func TestFault79_AnUploadGoesOnAfterALostConnection(t *testing.T) {
	s := serve(t, nil)
	data, id := pattern(3*api.MB), uploadID(1)
	p := s.connect(t)
	state := p.startUpload(id, "k", len(data))
	p.sendAll(state, data, api.MB)
	p.must(api.MethodPing, api.Empty{}, nil) // all of it has arrived
	p.leave()

	q := s.connect(t)
	if err := q.call(api.MethodUpload, api.UploadStart{Upload: id, Key: "other", Size: int64(len(data))}, nil); err == nil || err.Code != api.Invalid {
		t.Errorf("resumed with another key: %v, want code %q", err, api.Invalid)
	}
	state = q.startUpload(id, "k", len(data))
	if state.Offset != api.MB {
		t.Fatalf("resumed at %d, want %d", state.Offset, api.MB)
	}
	q.sendAll(state, data, len(data))
	q.must(api.MethodFinish, api.UploadRef{Upload: id}, nil)
	if stored, puts := s.get("k"); !bytes.Equal(stored, data) || puts != 1 {
		t.Errorf("%d bytes were stored in %d puts", len(stored), puts)
	}
}

func TestOnlyTheLatestConnectionSends(t *testing.T) {
	s := serve(t, nil)
	p, q := s.connect(t), s.connect(t)
	p.startUpload(uploadID(1), "k", 4)
	q.startUpload(uploadID(1), "k", 4)
	p.chunk(uploadID(1), 0, []byte("old!"))
	p.must(api.MethodPing, api.Empty{}, nil)
	q.chunk(uploadID(1), 0, []byte("new!"))
	q.must(api.MethodFinish, api.UploadRef{Upload: uploadID(1)}, nil)
	if b, _ := s.get("k"); string(b) != "new!" {
		t.Errorf("stored %q", b)
	}
}

func TestTheOutcomeOutlivesTheConnection(t *testing.T) {
	s := serve(t, nil)
	storing, gate := make(chan struct{}), make(chan struct{})
	s.beforeKeep = func(context.Context) error { close(storing); <-gate; return nil }
	p := s.connect(t)
	p.startUpload(uploadID(1), "k", 4)
	p.chunk(uploadID(1), 0, []byte("data"))
	p.ask(api.MethodFinish, api.UploadRef{Upload: uploadID(1)})
	<-storing
	p.leave()
	eventually(t, "the connection has ended", func() bool { return s.connections() == 0 })
	close(gate)

	q := s.connect(t)
	if state := q.startUpload(uploadID(1), "k", 4); state.Offset != 4 {
		t.Errorf("resumed at %d, want 4", state.Offset)
	}
	var object api.Object
	q.must(api.MethodFinish, api.UploadRef{Upload: uploadID(1)}, &object)
	if _, puts := s.get("k"); puts != 1 || object.Key != "k" {
		t.Errorf("%+v after %d puts, want one", object, puts)
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	p.startUpload(uploadID(1), "k", 4)
	p.chunk(uploadID(1), 0, []byte("data")) // all of it, but not finished
	p.must(api.MethodCancel, api.UploadRef{Upload: uploadID(1)}, nil)
	if _, puts := s.get("k"); puts != 0 {
		t.Error("a cancelled upload was stored")
	}
	p.startUpload(uploadID(2), "k", 4)
	p.chunk(uploadID(2), 0, []byte("data"))
	p.must(api.MethodFinish, api.UploadRef{Upload: uploadID(2)}, nil)
	for id, code := range map[string]api.Code{uploadID(2): api.PreconditionFailed, uploadID(3): api.NotFound} {
		if err := p.call(api.MethodCancel, api.UploadRef{Upload: id}, nil); err == nil || err.Code != code {
			t.Errorf("cancel of %s: %v, want code %q", id, err, code)
		}
	}
}

func TestAFailureOfTheStoreReachesTheClient(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(context.Context) error
		code api.Code
		log  string
	}{
		{"disk full", func(context.Context) error { return api.Errorf(api.Full, "the disk is full") }, api.Full, ""},
		{"unknown", func(context.Context) error { return io.ErrNoProgress }, api.Internal, io.ErrNoProgress.Error()},
		{"panic", func(context.Context) error { panic("as the test wants it") }, api.Internal, "as the test wants it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, nil)
			s.beforePut = c.put
			p := s.connect(t)
			p.startUpload(uploadID(1), "k", 4)
			var state api.UploadState
			for state.Error == nil {
				state = p.uploadNote(uploadID(1))
			}
			err := p.call(api.MethodFinish, api.UploadRef{Upload: uploadID(1)}, nil)
			if state.Error.Code != c.code || err == nil || err.Code != c.code {
				t.Errorf("noted %v, finished with %v, want code %q", state.Error, err, c.code)
			}
			if !strings.Contains(s.log.String(), c.log) || strings.Contains(err.Message, io.ErrNoProgress.Error()) {
				t.Errorf("%q was told, and the log says %s", err.Message, s.log)
			}
		})
	}
}

// silentClient is told everything and does nothing.
type silentClient struct{}

func (*silentClient) tellUpload(*upload) {}

func (*silentClient) account() string { return "" }

func TestFault81_AbandonedUploadsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, limits := newMemory(), defaultLimits()
		us := newUploads(Config{Log: slog.New(slog.DiscardHandler), Objects: store, MaxObject: 100, BeginUpload: access.NewUploads(10).Begin}, limits)
		here, left := new(silentClient), new(struct {
			silentClient
			_ int
		})
		begin := func(c client, n int) {
			if _, err := us.start(t.Context(), c, api.UploadStart{Upload: uploadID(n), Key: uploadID(n), Size: 2}); err != nil {
				t.Fatal(err)
			}
			us.chunk(c, uploadID(n), 0, []byte("1"))
		}
		begin(left, 1)
		begin(here, 2)
		begin(left, 3)
		us.detach(left)
		after := func(d time.Duration, want ...bool) {
			t.Helper()
			time.Sleep(d)
			us.expire()
			synctest.Wait()
			for i, want := range want {
				u := us.byID[uploadID(i+1)]
				if runs := u != nil && u.settled.IsZero(); runs != want {
					t.Errorf("upload %d runs: %v, want %v", i+1, runs, want)
				}
			}
		}
		after(limits.keepUpload-time.Second, true, true, true)
		if _, err := us.start(t.Context(), here, api.UploadStart{Upload: uploadID(3), Key: uploadID(3), Size: 2}); err != nil {
			t.Fatal(err) // somebody goes on with it
		}
		after(time.Second, false, true, true)
		after(limits.keepStalled-limits.keepUpload-time.Minute, false, true, true)
		after(4*time.Minute, false, false, false)
		time.Sleep(limits.keepUpload)
		us.expire()
		if len(us.byID) != 0 {
			t.Errorf("%d outcomes are kept for ever", len(us.byID))
		}
		if _, puts := store.get(uploadID(1)); puts != 0 {
			t.Error("an abandoned upload was stored")
		}
		us.running.Wait()
	})
}

func TestFault81_RememberedUploadsAreBounded(t *testing.T) {
	us := newUploads(Config{Log: slog.New(slog.DiscardHandler), Objects: newMemory(), MaxObject: 100, BeginUpload: access.NewUploads(10).Begin}, defaultLimits())
	c := new(silentClient)
	for i := range 2 * maxKept {
		id := uploadID(i)
		if _, err := us.start(t.Context(), c, api.UploadStart{Upload: id, Key: "k"}); err != nil {
			t.Fatal(err)
		}
		if _, err := us.finish(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(us.byID); n > maxKept {
		t.Errorf("%d uploads are remembered, want at most %d", n, maxKept)
	}
	us.running.Wait()
}

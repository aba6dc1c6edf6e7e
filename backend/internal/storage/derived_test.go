package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// upper is a Deriver that counts its calls.
type upper struct{ calls atomic.Int64 }

func (u *upper) derive(_ context.Context, _ api.Object, r io.ReadSeeker) (string, []byte, error) {
	u.calls.Add(1)
	head := make([]byte, 5)
	_, err := io.ReadFull(r, head)
	return "text/upper", bytes.ToUpper(head), err
}

func (u *upper) want(t *testing.T, f *fixture, key, want string, source storage.Source, calls int64) {
	t.Helper()
	got, err := f.Derive(t.Context(), key, "upper", u.derive)
	if err != nil || string(got.Bytes) != want || got.Source != source || got.Object.Key != key {
		t.Errorf("%q: got %q from %v of %+v, %v", key, got.Bytes, got.Source, got.Object, err)
	}
	if n := u.calls.Load(); n != calls {
		t.Errorf("%q: made %d times, want %d", key, n, calls)
	}
}

func TestWhatIsDerivedIsMadeOnceForEachContent(t *testing.T) {
	f, u := start(t, nil), &upper{}
	put(t, f.Store, "a", "hello world")
	u.want(t, f, "a", "HELLO", storage.Miss, 1)
	u.want(t, f, "a", "HELLO", storage.Hit, 1)
	put(t, f.Store, "b", "hello world")
	u.want(t, f, "b", "HELLO", storage.Hit, 1)
	put(t, f.Store, "a", "other words")
	u.want(t, f, "a", "OTHER", storage.Miss, 2)
	if err := f.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.want(t, f, "a", "OTHER", storage.Miss, 3)
	_, err := f.Derive(t.Context(), "gone", "upper", u.derive)
	wantCode(t, err, api.NotFound)
	_, err = f.Derive(t.Context(), "", "upper", u.derive)
	wantCode(t, err, api.Invalid)
}

func TestThatNothingCanBeDerivedIsKeptAndFailuresAreNot(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "hello world")
	broken := errors.New("broken")
	calls := 0
	failing := func(context.Context, api.Object, io.ReadSeeker) (string, []byte, error) {
		calls++
		return "", nil, broken
	}
	for range 2 {
		if _, err := f.Derive(t.Context(), "k", "x", failing); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	nothing := func(context.Context, api.Object, io.ReadSeeker) (string, []byte, error) { calls++; return "", nil, nil }
	for range 2 {
		if got, err := f.Derive(t.Context(), "k", "x", nothing); err != nil || got.Type != "" || len(got.Bytes) != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if calls != 3 {
		t.Errorf("tried %d times, want 3: failures again, success once", calls)
	}
}

func TestReadersOfSomethingDerivedShareTheWork(t *testing.T) {
	f, u := start(t, nil), &upper{}
	put(t, f.Store, "k", "hello world")
	release := f.blobs.block()
	defer release()
	f.blobs.seen = make(chan struct{}, 8)
	var readers sync.WaitGroup
	read := func() { u.want(t, f, "k", "HELLO", storage.Miss, 1) }
	readers.Go(read)
	<-f.blobs.seen // the first is at work
	var begun sync.WaitGroup
	for range 7 {
		begun.Add(1)
		readers.Go(func() {
			begun.Done()
			if got, err := f.Derive(t.Context(), "k", "upper", u.derive); err != nil || string(got.Bytes) != "HELLO" {
				t.Errorf("got %q, %v", got.Bytes, err)
			}
		})
	}
	begun.Wait()
	release()
	readers.Wait()
	if n := u.calls.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
}

func TestAReaderWhoLeavesDoesNotTakeTheOthersAlong(t *testing.T) {
	f, u := start(t, nil), &upper{}
	put(t, f.Store, "k", "hello world")
	began := make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := f.Derive(ctx, "k", "upper", func(ctx context.Context, _ api.Object, _ io.ReadSeeker) (string, []byte, error) {
			close(began)
			<-ctx.Done()
			return "", nil, ctx.Err()
		})
		first <- err
	}()
	<-began
	second := make(chan struct{})
	go func() {
		defer close(second)
		u.want(t, f, "k", "HELLO", storage.Miss, 1)
	}()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	<-second
}

func TestNothingIsDerivedOfADamagedBlob(t *testing.T) {
	f, u := start(t, nil), &upper{}
	put(t, f.Store, "k", "hello world")
	f.damage(t)
	_, err := f.Derive(t.Context(), "k", "upper", u.derive)
	wantCode(t, err, api.Internal)
	_, err = f.Derive(t.Context(), "k", "upper", u.derive)
	wantCode(t, err, api.NotFound)
}

func TestACacheThatIsDownDoesNotKeepFromDeriving(t *testing.T) {
	f, u := start(t, func(c *storage.Config) { c.Cache = nil }), &upper{}
	put(t, f.Store, "k", "hello world")
	u.want(t, f, "k", "HELLO", storage.Miss, 1)
	u.want(t, f, "k", "HELLO", storage.Miss, 2)
}

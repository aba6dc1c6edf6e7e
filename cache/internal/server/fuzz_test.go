package server

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"memcache/cache/internal/store"
)

// Faults 40 and 46: whatever a client sends, and in whatever pieces it comes, the
// answers are the same, nothing of it stays behind, and the server goes on. The
// dialogues are what it begins with.
func FuzzFault46_RequestsInPieces(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no dialogues: %v, %v", files, err)
	}
	for _, file := range files {
		for i, d := range readDialogues(f, filepath.Base(file)) {
			f.Add(d.sent(f), uint64(i))
		}
	}
	whole := start(f, Config{}, store.Config{ItemLimit: 20_000})
	pieces := start(f, Config{}, store.Config{ItemLimit: 20_000})
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if bytes.Contains(text, []byte("stats")) {
			return // they count the bytes, among other things
		}
		want := askInPieces(t, whole, text, nil)
		if got := askInPieces(t, pieces, text, rand.New(rand.NewPCG(seed, 0))); !bytes.Equal(got, want) {
			t.Errorf("%q is answered with %q in pieces, with %q as a whole", text, got, want)
		}
	})
}

// sent is all that the client of a dialogue sends.
func (d dialogue) sent(t testing.TB) (text []byte) {
	for _, line := range d.lines {
		kind, rest := cutLine(line)
		switch kind {
		case ">":
			text = append(append(text, rest...), "\r\n"...)
		case ">>":
			raw, err := strconv.Unquote(rest)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			text = append(text, raw...)
		}
	}
	return text
}

// askInPieces sends text over a connection of its own, in pieces made by chance
// or at once, and returns all answers. A server may close before it has read all.
func askInPieces(t *testing.T, s *testServer, text []byte, chance *rand.Rand) []byte {
	nc := s.dial(t)
	defer nc.Close()
	done := make(chan error, 1)
	go func() {
		err := sendInPieces(nc, text, chance)
		done <- errors.Join(err, nc.(*net.UnixConn).CloseWrite())
	}()
	answers, err := io.ReadAll(nc)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reading the answers: %v", err)
	}
	if err := <-done; err != nil && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("sending: %v", err)
	}
	if st := s.store.Stats(); st.Held != st.Bytes || st.Held > st.Capacity {
		t.Errorf("%d bytes are held for %d bytes of items, of %d", st.Held, st.Bytes, st.Capacity)
	}
	return answers
}

func sendInPieces(w io.Writer, text []byte, chance *rand.Rand) error {
	for len(text) > 0 {
		n := len(text)
		if chance != nil {
			n = min(n, 1+chance.IntN(1<<chance.IntN(14)))
		}
		if _, err := w.Write(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

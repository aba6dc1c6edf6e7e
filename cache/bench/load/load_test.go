package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/cache/internal/server"
	"memcache/cache/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Long values, so that neither side could write all before it reads.
func TestEveryWorkloadHasAResult(t *testing.T) {
	a, b := start(t), start(t)
	var out bytes.Buffer
	args := []string{"-keys", "20", "-size", "300000", "-conns", "4", "-pipelines", "1,8", "-rounds", "1", "-time", "50ms"}
	if err := run(append(args, a, b), &out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2+2*2*2 {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}

func TestOtherAnswersAreFound(t *testing.T) {
	a, b := start(t), start(t)
	peers, err := parsePeers([]string{a, b})
	if err != nil {
		t.Fatal(err)
	}
	s := shape{keys: 10, size: 100}
	for _, p := range peers {
		if err := p.fill(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := sameAnswers(peers, s); err != nil {
		t.Errorf("the same values: %v", err)
	}
	if _, err := peers[1].ask([]byte("delete key-00000005\r\nmn\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := sameAnswers(peers, s); err == nil {
		t.Error("a missing value is not found")
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.note(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond} {
		if got := h.quantile(q); got > want || got < want*15/16 {
			t.Errorf("quantile %v is %v, want nearly %v", q, got, want)
		}
	}
}

// start serves a store and returns it as an argument of load.
func start(t *testing.T) string {
	t.Helper()
	s, err := store.New(store.Config{Capacity: 64 << 20, ItemLimit: 1 << 20, Policy: "lru"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := server.New(server.Config{Store: s, Log: slog.New(slog.DiscardHandler), MaxConns: 100, Version: "test"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("ours=%s,%d", l.Addr(), os.Getpid())
}

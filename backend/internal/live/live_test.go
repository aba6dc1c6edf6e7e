package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

func TestNewChecksItsConfig(t *testing.T) {
	good := serve(t, nil).config
	for what, spoil := range map[string]func(*Config){
		"log":         func(c *Config) { c.Log = nil },
		"objects":     func(c *Config) { c.Objects = nil },
		"cache":       func(c *Config) { c.Cache = nil },
		"stats":       func(c *Config) { c.Stats = nil },
		"origin":      func(c *Config) { c.AllowOrigin = nil },
		"request id":  func(c *Config) { c.RequestID = nil },
		"max object":  func(c *Config) { c.MaxObject = 0 },
		"max clients": func(c *Config) { c.MaxClients = -1 },
		"uploads":     func(c *Config) { c.BeginUpload = nil },
	} {
		config := good
		spoil(&config)
		if _, err := New(config); err == nil {
			t.Errorf("New took a config without a good %s", what)
		}
	}
}

func TestFault23_ForeignOriginsAreRefused(t *testing.T) {
	s := serve(t, nil)
	own := s.http.URL // http://127.0.0.1:PORT
	_, port, _ := strings.Cut(strings.TrimPrefix(own, "http://"), ":")
	for _, origins := range [][]string{
		{"https://evil.example"},
		{"null"},
		{""},
		{own + ".evil.example"},
		{"http://127.0.0.1.evil.example:" + port},
		{own + "@evil.example"},
		{"http://evil.example#" + own},
		{"http://user@127.0.0.1:" + port},
		{own + "1"},
		{"http://localhost:" + port},
		{"file://127.0.0.1:" + port},
		{own, "https://evil.example"},
	} {
		_, response, err := s.dial(t, origins...)
		if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: %v (%v), want 403", origins, response, err)
		}
	}
	for _, origins := range [][]string{nil, {own}} {
		p, _, err := s.dial(t, origins...)
		if err != nil {
			t.Errorf("origin %q: %v, want it taken", origins, err)
			continue
		}
		p.must(api.MethodPing, api.Empty{}, nil)
	}
}

func TestFault31_TooManyClientsGet503(t *testing.T) {
	s := serve(t, func(c *Config, _ *limits) { c.MaxClients = 2 })
	first := s.connect(t)
	s.connect(t)
	_, response, err := s.dial(t)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Fatalf("the third client: %v (%v), want 503 with Retry-After", response, err)
	}
	var problem struct{ Code, Detail, RequestID string }
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || problem.Code != string(api.Unavailable) || problem.Detail == "" || problem.RequestID != "the-id" {
		t.Errorf("problem %+v (%v), want one with code %q", problem, err, api.Unavailable)
	}
	first.leave()
	eventually(t, "the place is free", func() bool { return s.connections() == 1 })
	s.connect(t).must(api.MethodPing, api.Empty{}, nil)
}

func TestAPlainRequestIsNoHandshake(t *testing.T) {
	s := serve(t, nil)
	response, err := s.http.Client().Get(s.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d, want 426", response.StatusCode)
	}
	eventually(t, "the place is free", func() bool { return s.connections() == 0 })
}

func TestSubscribersGetTicksAfterTheWindow(t *testing.T) {
	s := serve(t, nil)
	p, other := s.connect(t), s.connect(t)
	var stats api.Stats
	p.must(api.MethodSubscribe, api.StatsQuery{}, &stats)
	if stats.Seconds != api.DefaultWindow || len(stats.Samples) != 1 || stats.Samples[0].Hits != 2 {
		t.Errorf("stats: %+v", stats)
	}
	eventually(t, "the client is subscribed", func() bool { return s.subscribers() == 1 })
	s.Tick(api.Tick{Up: true, Sample: api.Sample{Requests: 42}})
	var tick api.Tick
	p.note(api.NoteStats, &tick)
	if !tick.Up || tick.Sample.Requests != 42 {
		t.Errorf("tick: %+v", tick)
	}
	p.must(api.MethodUnsub, api.Empty{}, nil)
	s.Tick(api.Tick{})
	for _, p := range []*peer{p, other} {
		if m := p.answer(p.ask(api.MethodPing, nil)); len(p.seen) > 0 {
			t.Errorf("before %+v a client without a subscription got %+v", m, p.seen)
		}
	}
}

func TestTheAutopilotIsSetAndTold(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	var a api.Autopilot
	p.must(api.MethodPilot, api.Empty{}, &a)
	if a.State != api.AutopilotOff {
		t.Errorf("it is %+v", a)
	}
	on := true
	p.must(api.MethodSetPilot, api.AutopilotSet{On: &on}, &a)
	if !a.On {
		t.Errorf("set, it is %+v", a)
	}
	if m := p.answer(p.ask(api.MethodUndoPilot, api.AutopilotUndo{ID: 3})); m.Error == nil || m.Error.Data.Code != api.NotFound {
		t.Errorf("the undo of nothing answers %+v", m)
	}
	s.Broadcast(api.NotePilot, api.Autopilot{State: api.AutopilotHolds})
	p.note(api.NotePilot, &a)
	if a.State != api.AutopilotHolds {
		t.Errorf("told is %+v", a)
	}
}

func TestWatchersGetCurves(t *testing.T) {
	s := serve(t, nil)
	p, other := s.connect(t), s.connect(t)
	var insight api.Insight
	p.must(api.MethodInsight, api.Empty{}, &insight)
	if insight.Time != 7 {
		t.Errorf("the first is %+v", insight)
	}
	eventually(t, "the client watches", s.Watched)
	s.Hub.Insight(api.Insight{Time: 8})
	p.note(api.NoteInsight, &insight)
	if insight.Time != 8 {
		t.Errorf("the next is %+v", insight)
	}
	p.must(api.MethodNoInsight, api.Empty{}, nil)
	if s.Watched() {
		t.Error("it is watched when nobody does")
	}
	s.Hub.Insight(api.Insight{Time: 9})
	for _, p := range []*peer{p, other} {
		if m := p.answer(p.ask(api.MethodPing, nil)); len(p.seen) > 0 {
			t.Errorf("before %+v a client that does not watch got %+v", m, p.seen)
		}
	}
}

func TestWatchersGetTheKeysThatStandOut(t *testing.T) {
	s := serve(t, nil)
	p, other := s.connect(t), s.connect(t)
	var keys api.CacheKeys
	p.must(api.MethodKeys, api.Empty{}, &keys)
	if gone := keys.Evictions.Evictions; len(gone) != 1 || gone[0].Key != "gone" {
		t.Errorf("the first are %+v", keys)
	}
	eventually(t, "the client watches", s.KeysWatched)
	s.Hub.Keys(api.CacheKeys{Top: api.TopKeys{Hottest: []api.TopKey{{Key: "hot", Hits: 8}}}})
	p.note(api.NoteKeys, &keys)
	if hot := keys.Top.Hottest; len(hot) != 1 || hot[0].Key != "hot" || hot[0].Hits != 8 {
		t.Errorf("the next are %+v", keys)
	}
	p.must(api.MethodNoKeys, api.Empty{}, nil)
	if s.KeysWatched() {
		t.Error("they are watched when nobody does")
	}
	s.Hub.Keys(api.CacheKeys{})
	for _, p := range []*peer{p, other} {
		if m := p.answer(p.ask(api.MethodPing, nil)); len(p.seen) > 0 {
			t.Errorf("before %+v a client that does not watch got %+v", m, p.seen)
		}
	}
}

func (s *server) subscribers() (n int) {
	s.each(func(c *conn) {
		if c.subscribed.Load() {
			n++
		}
	})
	return n
}

func TestEveryClientGetsBroadcasts(t *testing.T) {
	s := serve(t, nil)
	peers := []*peer{s.connect(t), s.connect(t)}
	for _, p := range peers {
		p.must(api.MethodPing, api.Empty{}, nil)
	}
	s.Broadcast(api.NoteCache, api.Cache{Policy: "random"})
	s.Broadcast(api.NoteChanged, api.Changed{Key: "k", Deleted: true})
	for _, p := range peers {
		var cache api.Cache
		p.note(api.NoteCache, &cache)
		var changed api.Changed
		p.note(api.NoteChanged, &changed)
		if cache.Policy != "random" || changed != (api.Changed{Key: "k", Deleted: true}) {
			t.Errorf("got %+v and %+v", cache, changed)
		}
	}
}

func TestManyChangesBecomeFewNotes(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	p.must(api.MethodPing, api.Empty{}, nil)
	for i := range 1000 {
		s.Broadcast(api.NoteChanged, api.Changed{Key: fmt.Sprint(i)})
	}
	var changed api.Changed
	for n := 1; ; n++ {
		if p.note(api.NoteChanged, &changed); changed.Key == "" {
			break // it stands for all that came after the ones before
		}
		if n > 100 {
			t.Fatal("the changes are not gathered")
		}
		changed = api.Changed{}
	}
}

func TestShutdownClosesWith1001AndDropsUploads(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	p.startUpload(uploadID(1), "k", 10)
	p.chunk(uploadID(1), 0, []byte("12345"))
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	p.wantClose(1001)
	if err := <-done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if b, _ := s.get("k"); b != nil {
		t.Errorf("the unfinished upload was stored as %q", b)
	}
	if _, response, err := s.dial(t); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the end: %v (%v), want 503", response, err)
	}
}

func TestShutdownCutsClientsThatDoNotAnswer(t *testing.T) {
	s := serve(t, nil)
	raw := s.handshake(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("Shutdown returned nil before its client had answered")
	}
	eventually(t, "everything has ended", func() bool { return s.connections() == 0 })
	raw.wantEnd()
}

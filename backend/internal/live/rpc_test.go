package live

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestMethodsReachTheirServices(t *testing.T) {
	s := serve(t, nil)
	s.objects["a"] = []byte("four")
	p := s.connect(t)

	var list api.List
	p.must(api.MethodList, api.ListQuery{}, &list)
	if len(list.Objects) != 1 || list.Objects[0].Key != "a" {
		t.Errorf("list: %+v", list)
	}
	var starts api.Starts
	p.must(api.MethodStarts, api.StartsQuery{Prefix: "b/"}, &starts)
	if len(starts.Starts) != 1 || starts.Starts[0] != "b/a" {
		t.Errorf("starts: %+v", starts)
	}
	var object api.Object
	p.must(api.MethodStat, api.KeyParams{Key: "a"}, &object)
	if object.Size != 4 {
		t.Errorf("stat: %+v", object)
	}
	p.must(api.MethodDelete, api.KeyParams{Key: "a"}, nil)
	if err := p.call(api.MethodStat, api.KeyParams{Key: "a"}, nil); err == nil || err.Code != api.NotFound {
		t.Errorf("stat of the deleted: %v", err)
	}
	capacity := int64(7 * api.MB)
	var cache api.Cache
	p.must(api.MethodConfigure, api.CacheChange{Capacity: &capacity}, &cache)
	p.must(api.MethodCache, api.Empty{}, &cache)
	if cache.Capacity != capacity || cache.Policy != "lru" {
		t.Errorf("cache: %+v", cache)
	}
	p.must(api.MethodClear, api.Empty{}, nil)
	if s.calls != "clear" {
		t.Errorf("clear called %q", s.calls)
	}
	p.must(api.MethodInvalidate, api.KeyParams{Key: "k"}, nil)
	if s.calls != "invalidate k" {
		t.Errorf("invalidate called %q", s.calls)
	}
	p.must(api.MethodPing, api.Empty{}, nil)
}

func TestChangesOfSeveralObjects(t *testing.T) {
	p := serve(t, nil).connect(t)
	var deleted api.Deleted
	p.must(api.MethodDeleteMany, api.Keys{Keys: []string{"a", "", "broken", "b"}}, &deleted)
	if deleted.Deleted != 2 || len(deleted.Failed) != 2 || deleted.Failed[0].Error.Code != api.Invalid ||
		deleted.Failed[1].Key != "broken" || strings.Contains(deleted.Failed[1].Error.Message, "secret") {
		t.Errorf("deleted: %+v", deleted)
	}
	var restored api.Stored
	p.must(api.MethodRestore, api.Keys{Keys: []string{"a", "never"}}, &restored)
	if len(restored.Objects) != 1 || restored.Objects[0].Key != "a" || len(restored.Failed) != 1 || restored.Failed[0].Error.Code != api.NotFound {
		t.Errorf("restored: %+v", restored)
	}
	var renamed api.Object
	p.must(api.MethodRename, api.Transfer{From: "a", To: "b", Replace: true}, &renamed)
	if renamed.Key != "b" || renamed.Type != "was a" {
		t.Errorf("renamed: %+v", renamed)
	}
	if err := p.call(api.MethodRename, api.Transfer{From: "a", To: "b"}, nil); err == nil || err.Code != api.PreconditionFailed {
		t.Errorf("renamed to what exists: %v", err)
	}
	var cached api.Cached
	p.must(api.MethodCached, api.KeyParams{Key: "abc"}, &cached)
	if !cached.Cached || cached.Idle != 3 {
		t.Errorf("cached: %+v", cached)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	p := serve(t, nil).connect(t)
	for method, params := range map[string]any{
		api.MethodStat:       api.KeyParams{Key: ""},
		api.MethodDelete:     api.KeyParams{Key: "a\nb"},
		api.MethodInvalidate: api.KeyParams{Key: strings.Repeat("k", 1025)},
		api.MethodDeleteMany: api.Keys{},
		api.MethodRestore:    api.Keys{Keys: make([]string, api.MaxListLimit+1)},
		api.MethodCached:     api.KeyParams{Key: "\x00"},
		api.MethodConfigure:  api.CacheChange{},
		api.MethodSubscribe:  api.StatsQuery{Seconds: -1},
		api.MethodUpload:     api.UploadStart{Upload: "short", Key: "k"},
	} {
		if err := p.call(method, params, nil); err == nil || err.Code != api.Invalid || err.Message == "" {
			t.Errorf("%s of %+v: %v, want code %q", method, params, err, api.Invalid)
		}
	}
}

func TestFault26_BadMessagesGetErrors(t *testing.T) {
	p := serve(t, nil).connect(t)
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	request := func(params string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"objects.stat","params":` + params + `}`
	}
	for _, c := range []struct {
		message, id string
		code        int
	}{
		{``, "null", api.RPCParseError},
		{`{`, "null", api.RPCParseError},
		{`{"jsonrpc":"2.0","id":7,"method":"ping"}}`, "null", api.RPCParseError},
		{nested(10_001), "null", api.RPCParseError},
		{nested(100_000), "null", api.RPCParseError},
		{nested(9_000), "null", api.RPCInvalidRequest},
		{`null`, "null", api.RPCInvalidRequest},
		{`"text"`, "null", api.RPCInvalidRequest},
		{`[{"jsonrpc":"2.0","id":7,"method":"ping"}]`, "null", api.RPCInvalidRequest},
		{`{"id":7,"method":"ping"}`, "7", api.RPCInvalidRequest},
		{`{"jsonrpc":"1.0","id":7,"method":"ping"}`, "7", api.RPCInvalidRequest},
		{`{"jsonrpc":"2.0","id":7}`, "7", api.RPCInvalidRequest},
		{`{"jsonrpc":"2.0","id":7,"method":5}`, "7", api.RPCInvalidRequest},
		{`{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}`, "null", api.RPCInvalidRequest},
		{`{"jsonrpc":"2.0","id":[7],"method":"ping"}`, "null", api.RPCInvalidRequest},
		{`{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 200) + `","method":"ping"}`, "null", api.RPCInvalidRequest},
		{`{"jsonrpc":"2.0","id":7,"method":"objects.nothing"}`, "7", api.RPCNoMethod},
		{`{"jsonrpc":"2.0","id":"seven","method":"` + strings.Repeat("x", 100_000) + `"}`, `"seven"`, api.RPCNoMethod},
		{request(`5`), "7", api.RPCInvalidParams},
		{request(`["key"]`), "7", api.RPCInvalidParams},
		{request(`{"key":5}`), "7", api.RPCInvalidParams},
		{request(`{"key":"k","more":true}`), "7", api.RPCInvalidParams},
		{request(`{"key":` + nested(9_000) + `}`), "7", api.RPCInvalidParams},
		{request(`{"key":` + nested(10_000) + `}`), "7", api.RPCParseError},
		{`{"jsonrpc":"2.0","id":7,"method":"objects.list","params":{"limit":1e99}}`, "7", api.RPCInvalidParams},
	} {
		if c.code == api.RPCParseError {
			c.id = "null"
		}
		p.send(c.message)
		m := p.receive()
		if m.Error == nil || m.Error.Code != c.code || string(m.ID) != c.id || len(m.Error.Message) > 1000 {
			t.Errorf("%.100s\ngot id %s, %+v, want id %s, code %d", c.message, m.ID, m.Error, c.id, c.code)
		}
	}
	p.must(api.MethodPing, api.Empty{}, nil) // the connection is as good as before
}

func TestNotificationsGetNoAnswer(t *testing.T) {
	s := serve(t, nil)
	s.objects["a"] = []byte("x")
	p := s.connect(t)
	p.send(`{"jsonrpc":"2.0","method":"objects.delete","params":{"key":"a"}}`)
	p.send(`{"jsonrpc":"2.0","method":"no.such.method"}`)
	eventually(t, "the object is deleted", func() bool { b, _ := s.get("a"); return b == nil })
	p.send(`{"jsonrpc":"2.0","id":null,"method":"ping"}`)
	if m := p.receive(); string(m.ID) != "null" || string(m.Result) != "{}" {
		t.Errorf("the first answer is %+v, want that of ping", m)
	}
}

func TestFailuresAreHiddenAndLogged(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	for key, inLog := range map[string]string{"broken": "a secret of the disk", "panic": "as the test wants it"} {
		err := p.call(api.MethodDelete, api.KeyParams{Key: key}, nil)
		if err == nil || err.Code != api.Internal || strings.Contains(err.Message, inLog) {
			t.Errorf("delete of %q: %v, want a plain internal error", key, err)
		}
		if !strings.Contains(s.log.String(), inLog) {
			t.Errorf("the log lacks %q:\n%s", inLog, s.log)
		}
	}
}

func TestFault28_AFloodOfRequestsIsThrottled(t *testing.T) {
	s := serve(t, nil)
	running := make(chan struct{}, 1000)
	release := make(chan struct{})
	s.beforeList = func(ctx context.Context) error {
		running <- struct{}{}
		<-release
		return nil
	}
	p, other := s.connect(t), s.connect(t)
	const requests = 1000
	for range requests {
		p.ask(api.MethodList, api.ListQuery{})
	}
	p.must(api.MethodPing, api.Empty{}, nil) // overtakes all that waits
	other.must(api.MethodPing, api.Empty{}, nil)
	close(release)
	refused := 0
	for i := range requests {
		if m := p.answer(fmt.Sprint(i + 1)); m.Error != nil {
			if m.Error.Data.Code != api.TooMany {
				t.Fatalf("request %d: %+v", i, m.Error)
			}
			refused++
		}
	}
	if want := requests - maxRunning - maxWaiting; refused != want {
		t.Errorf("%d requests were refused, want %d", refused, want)
	}
}

func TestAtMostSoManyRequestsRunAtOnce(t *testing.T) {
	s := serve(t, nil)
	running := make(chan struct{})
	release := make(chan struct{})
	s.beforeList = func(context.Context) error {
		select {
		case running <- struct{}{}:
			<-release
			return nil
		case <-release:
			return nil
		}
	}
	p := s.connect(t)
	var ids []string
	for range 3 * maxRunning {
		ids = append(ids, p.ask(api.MethodList, api.ListQuery{}))
	}
	for range maxRunning {
		<-running
	}
	p.must(api.MethodPing, api.Empty{}, nil) // all requests have been read by now
	select {
	case <-running:
		t.Errorf("more than %d requests run at once", maxRunning)
	default:
	}
	close(release)
	for _, id := range ids {
		p.answer(id)
	}
}

func TestASlowMethodIsGivenUp(t *testing.T) {
	s := serve(t, func(_ *Config, l *limits) { l.callWithin = 10 * 1e6 })
	s.beforeList = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if err := s.connect(t).call(api.MethodList, api.ListQuery{}, nil); err == nil || err.Code != api.Unavailable {
		t.Errorf("got %v, want code %q", err, api.Unavailable)
	}
}

func TestPagesOfLongKeysFitInAMessage(t *testing.T) {
	s := serve(t, nil)
	for i := range api.MaxListLimit {
		s.objects[strings.Repeat(`"`, 1020)+fmt.Sprintf("%04d", i)] = nil
	}
	var list api.List
	s.connect(t).must(api.MethodList, api.ListQuery{Limit: api.MaxListLimit}, &list)
	if n := len(list.Objects); n < 100 || n >= api.MaxListLimit {
		t.Errorf("the page has %d objects, want some but not all", n)
	}
}

package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

func TestFault24_WhoIsNotLetInGetsNoSocket(t *testing.T) {
	for want, err := range map[int]error{401: api.Errorf(api.Unauthorized, "log in first"), 503: errors.New("the database is down")} {
		s := serve(t, func(c *Config, _ *limits) {
			c.Who = func(*http.Request) (api.Who, error) { return api.Who{}, err }
			c.Still = func(context.Context, api.Who) bool { return true }
		})
		if _, answer, err := s.dial(t); err == nil || answer.StatusCode != want {
			t.Errorf("a stranger gets %v, want %d", answer, want)
		}
	}
}

// TestFault24_LoggingOutClosesTheSocket, within the time that sessions are looked at.
func TestFault24_LoggingOutClosesTheSocket(t *testing.T) {
	var in atomic.Bool
	in.Store(true)
	s := serve(t, func(c *Config, _ *limits) {
		c.Who = func(*http.Request) (api.Who, error) { return api.Who{Account: "ann", Scope: api.ScopeAdmin}, nil }
		c.Still = func(_ context.Context, who api.Who) bool { return in.Load() || who.Account != "ann" }
	})
	if limit := defaultLimits().whoEvery.Seconds(); limit > 2 {
		t.Errorf("sessions are looked at every %v s: too seldom to close within 5", limit)
	}
	p := s.connect(t)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"cache.get"}`)
	if m := p.receive(); m.Error != nil {
		t.Fatalf("before: %+v", m.Error)
	}
	in.Store(false)
	p.wantClose(4401)
}

func TestEveryMethodNeedsItsScope(t *testing.T) {
	var mu sync.Mutex
	var noted []string
	for _, scope := range api.Scopes {
		s := serve(t, func(c *Config, _ *limits) {
			c.Who = func(*http.Request) (api.Who, error) { return api.Who{Account: "ann", Scope: scope}, nil }
			c.Still = func(context.Context, api.Who) bool { return true }
			c.Audit = func(_ *http.Request, who api.Who) audit.Line {
				return func(what string, _ ...any) {
					mu.Lock()
					defer mu.Unlock()
					noted = append(noted, who.Account+" "+what)
				}
			}
		})
		p := s.connect(t)
		reads := 0
		for method := range s.methods {
			needed := scopeOf(method)
			if needed == api.ScopeRead {
				reads++
			}
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q}`, method))
			m := p.receive()
			for m.ID == nil {
				m = p.receive()
			}
			refused := m.Error != nil && m.Error.Data != nil && m.Error.Data.Code == api.Forbidden
			if refused == scope.Allows(needed) {
				t.Errorf("%s with the scope %q: %+v, and it needs %q", method, scope, m.Error, needed)
			}
		}
		if reads != 13 || len(s.methods) != 28 {
			t.Errorf("%d of %d methods are open to readers: is a new one right in scopeOf?", reads, len(s.methods))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(noted) != 1 || noted[0] != "ann cache cleared" { // the others fail without parameters
		t.Errorf("noted are %q", noted)
	}
}

// ordinary are the methods that change something and are not noted: what they do with
// single objects.
var ordinary = []string{
	api.MethodDelete, api.MethodRestore, api.MethodRename, api.MethodInvalidate, api.MethodUpload, api.MethodFinish, api.MethodCancel,
}

// TestEveryChangeIsNoted: each method that changes something has a line of the audit, or
// stands in the list above.
func TestEveryChangeIsNoted(t *testing.T) {
	methods := (&Hub{}).table()
	for method := range methods {
		changes, noted, plain := scopeOf(method) != api.ScopeRead, audited[method] != "", slices.Contains(ordinary, method)
		if changes != (noted || plain) || noted && plain {
			t.Errorf("%s: changes something %v, a line of the audit %v, an ordinary change %v; give it one of both", method, changes, noted, plain)
		}
	}
	for _, method := range append(slices.Collect(maps.Keys(audited)), ordinary...) {
		if methods[method] == nil {
			t.Errorf("there is no method %s", method)
		}
	}
}

// TestTheAuditTellsHowMuch: how many keys were deleted, and what was in the cache.
func TestTheAuditTellsHowMuch(t *testing.T) {
	noted := make(chan string, 10)
	s := serve(t, func(c *Config, _ *limits) {
		c.Audit = func(*http.Request, api.Who) audit.Line {
			return func(what string, details ...any) { noted <- fmt.Sprint(append([]any{what}, details...)...) }
		}
	})
	p := s.connect(t)
	for call, want := range map[string]string{
		`"objects.deleteAll","params":{"keys":["a","b"]}`: "objects deletedkeys2deleted",
		`"cache.clear"`: "cache cleareditems",
	} {
		p.send(`{"jsonrpc":"2.0","id":1,"method":` + call + `}`)
		for m := p.receive(); m.ID == nil; m = p.receive() {
		}
		if line := strings.ReplaceAll(<-noted, " ", ""); !strings.HasPrefix(line, strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%s is noted as %q", call, line)
		}
	}
}

package login

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memcache/shared/api"
)

// memory is a store in memory that may be down.
type memory struct {
	mu   sync.Mutex
	all  map[[32]byte]Login
	down bool
	hang bool        // there is no answer
	save func(Login) // is called before a login is saved
}

var errDown = errors.New("the database is down")

func (m *memory) locked(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errDown
	}
	f()
	return nil
}

func (m *memory) Login(ctx context.Context, id [32]byte) (l Login, err error) {
	if m.hang {
		<-ctx.Done()
		return l, ctx.Err()
	}
	found := false
	if err = m.locked(func() { l, found = m.all[id] }); err == nil && !found {
		err = fs.ErrNotExist
	}
	return l, err
}

func (m *memory) Logins(context.Context) (all []Login, err error) {
	err = m.locked(func() {
		for _, l := range m.all {
			all = append(all, l)
		}
	})
	return all, err
}

func (m *memory) SaveLogin(_ context.Context, l Login) error {
	if m.save != nil {
		m.save(l)
	}
	return m.locked(func() { m.all[l.ID] = l })
}

func (m *memory) AddLogin(_ context.Context, l Login) (added bool, err error) {
	err = m.locked(func() {
		if _, found := m.all[l.ID]; !found {
			m.all[l.ID], added = l, true
		}
	})
	return added, err
}

func (m *memory) UseLogin(_ context.Context, l Login, before string) (used bool, err error) {
	err = m.locked(func() {
		if kept, found := m.all[l.ID]; found && kept.Data == before {
			m.all[l.ID], used = l, true
		}
	})
	return used, err
}

func (m *memory) SeeLogin(_ context.Context, l Login) error {
	return m.locked(func() {
		if _, found := m.all[l.ID]; found {
			m.all[l.ID] = l
		}
	})
}

func (m *memory) DeleteLogin(_ context.Context, id [32]byte) (found bool, err error) {
	err = m.locked(func() { _, found = m.all[id]; delete(m.all, id) })
	return found, err
}

// world is a keeper whose clock stands still and who sleeps in no time.
type world struct {
	*Keeper
	t     *testing.T
	store *memory
	clock time.Time
	slept []time.Duration
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: &memory{all: map[[32]byte]Login{}}, clock: time.Now()}
	w.Keeper = New(w.store, func(r *http.Request) string { return r.RemoteAddr })
	w.Keeper.now = func() time.Time { return w.clock }
	w.guard.now = w.Keeper.now
	w.guard.sleep = func(_ context.Context, d time.Duration) error { w.slept = append(w.slept, d); return nil }
	return w
}

func request(remote string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	return r
}

// linkOf returns the secret of a link's path.
func linkOf(t *testing.T, path string, err error) string {
	t.Helper()
	_, secret, ok := strings.Cut(path, "#link=")
	if err != nil || !ok {
		t.Fatalf("the link is %q, %v", path, err)
	}
	return secret
}

const password = "correct horse battery"

// enter logs in by a new link for the account, and returns a request of its session.
func (w *world) enter(account string, scope api.Scope) (*http.Request, api.Who) {
	w.t.Helper()
	path, err := w.Link(w.t.Context(), account, scope)
	who, cookie, err := w.Enter(w.t.Context(), request("192.0.2.1"), api.Credentials{Link: linkOf(w.t, path, err), Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	r := request("192.0.2.1")
	r.AddCookie(cookie)
	return r, who
}

func codeOf(err error) api.Code {
	if err == nil {
		return ""
	}
	return api.AsError(err).Code
}

func TestFault90_LinksWorkOnce(t *testing.T) {
	w := newWorld(t)
	path, err := w.FirstLink(t.Context())
	older := linkOf(t, path, err)
	path, err = w.FirstLink(t.Context())
	link := linkOf(t, path, err)
	try := func(link, password string) error {
		_, _, err := w.Enter(t.Context(), request("192.0.2.1"), api.Credentials{Link: link, Password: password})
		return err
	}
	if err := try(older, password); codeOf(err) != api.Unauthorized {
		t.Errorf("the link of an earlier start: %v", err)
	}
	if err := try(link, "short"); codeOf(err) != api.Invalid {
		t.Errorf("a short password: %v", err)
	}
	if err := try(link, password); err != nil {
		t.Fatalf("after a short password the link is of no use: %v", err)
	}
	if err := try(link, password); codeOf(err) != api.Unauthorized {
		t.Errorf("a second time: %v", err)
	}
	if path, err := w.FirstLink(t.Context()); path != "" || err != nil {
		t.Errorf("with an admin there is a first link %q, %v", path, err)
	}
	path, err = w.Link(t.Context(), First, "")
	link = linkOf(t, path, err)
	w.clock = w.clock.Add(linkTime)
	if err := try(link, password); codeOf(err) != api.Unauthorized {
		t.Errorf("a day later: %v", err)
	}
	for id, l := range w.store.all {
		if strings.Contains(l.Password, password) || string(id[:]) == link {
			t.Errorf("a secret is kept as it is: %+v", l)
		}
	}
}

func TestFault89_WrongPasswordsAreSlowedThenRefused(t *testing.T) {
	w := newWorld(t)
	w.enter("admin", api.ScopeAdmin)
	try := func(remote, account, password string) error {
		_, _, err := w.Enter(t.Context(), request(remote), api.Credentials{Account: account, Password: password})
		return err
	}
	var codes []api.Code
	for range 20 {
		codes = append(codes, codeOf(try("192.0.2.2", "admin", "wrong")))
	}
	want := append(slices.Repeat([]api.Code{api.Unauthorized}, maxFailures), slices.Repeat([]api.Code{api.TooMany}, 20-maxFailures)...)
	if !slices.Equal(codes, want) {
		t.Errorf("20 wrong passwords: %q", codes)
	}
	if len(w.slept) != maxFailures-freeFailures || w.slept[0] != firstWait || !slices.IsSorted(w.slept) || slices.Max(w.slept) != longestWait {
		t.Errorf("they are slowed down by %v", w.slept)
	}
	if err := try("192.0.2.2", "admin", password); codeOf(err) != api.TooMany {
		t.Errorf("the right one then: %v", err)
	}
	if err := try("192.0.2.3", "admin", password); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	w.clock = w.clock.Add(lockTime)
	if err := try("192.0.2.2", "admin", password); err != nil {
		t.Errorf("later: %v", err)
	}
	for range maxFailures {
		_ = try("2001:db8::1", "admin", "wrong")
	}
	if err := try("2001:db8::2", "admin", password); codeOf(err) != api.TooMany {
		t.Errorf("from another address of the same network: %v", err)
	}
	if err := try("192.0.2.4", "nobody", password); codeOf(err) != api.Unauthorized || err.Error() != try("192.0.2.4", "admin", "wrong").Error() {
		t.Errorf("whether an account exists can be told: %v", err)
	}
}

// Who tries many passwords at once is not quicker by that.
func TestFault89_ManyAtOnce(t *testing.T) {
	g := newGuard()
	var mu sync.Mutex
	waits := 0
	g.sleep = func(context.Context, time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		waits++
		return nil
	}
	var wg sync.WaitGroup
	refused := 0
	for range 100 {
		wg.Go(func() {
			if err := g.attempt(t.Context(), "a"); err != nil {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	wg.Wait()
	if refused != 100-maxFailures || waits != maxFailures-freeFailures {
		t.Errorf("of 100 attempts at once %d are refused and %d wait", refused, waits)
	}
}

func TestFault24_SessionsExpireUnlessUsed(t *testing.T) {
	w := newWorld(t)
	r, who := w.enter("admin", api.ScopeAdmin)
	if got, err := w.Who(r); err != nil || got != who {
		t.Fatalf("let in as %+v, %v; want %+v", got, err, who)
	}
	for range 5 {
		w.clock = w.clock.Add(sessionTime - time.Hour)
		if _, err := w.Who(r); err != nil {
			t.Fatalf("a session in use has ended: %v", err)
		}
		w.clock = w.clock.Add(sessionTime - time.Hour)
		if !w.Still(t.Context(), who) { // as an open page asks
			t.Fatal("a session that a page uses has ended")
		}
	}
	w.clock = w.clock.Add(sessionTime)
	if _, err := w.Who(r); codeOf(err) != api.Unauthorized || w.Still(t.Context(), who) {
		t.Errorf("unused for long: %v", err)
	}

	r, who = w.enter("admin", api.ScopeAdmin)
	if _, err := w.Leave(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Who(r); codeOf(err) != api.Unauthorized || w.Still(t.Context(), who) {
		t.Errorf("after logging out: %v", err)
	}
}

// Another backend has revoked it: it holds for a moment more, and while the
// database is down.
func TestARevokedSessionIsNoticed(t *testing.T) {
	w := newWorld(t)
	r, who := w.enter("admin", api.ScopeAdmin)
	if _, err := w.Who(r); err != nil {
		t.Fatal(err)
	}
	w.store.down = true
	w.clock = w.clock.Add(time.Hour)
	if _, err := w.Who(r); err != nil || !w.Still(t.Context(), who) {
		t.Errorf("while the database is down: %v", err)
	}
	stranger := request("192.0.2.9")
	stranger.AddCookie(&http.Cookie{Name: cookie, Value: "unknown"})
	if _, err := w.Who(stranger); !errors.Is(err, errDown) {
		t.Errorf("somebody unknown then: %v", err)
	}
	w.store.down = false
	clear(w.store.all)
	w.clock = w.clock.Add(trustTime)
	if _, err := w.Who(r); codeOf(err) != api.Unauthorized {
		t.Errorf("with the database back: %v", err)
	}
}

// While the database hangs, one request in two seconds waits for it a moment, and the
// others of the same login do not.
func TestADatabaseThatHangsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, _ := w.enter("admin", api.ScopeAdmin)
		if _, err := w.Who(r); err != nil {
			t.Fatal(err)
		}
		w.store.hang = true
		w.clock = w.clock.Add(trustTime)
		began := time.Now()
		var waited atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := w.Who(r); err != nil {
					t.Error(err)
				}
				if time.Since(began) > 0 {
					waited.Add(1)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != lookTime || waited.Load() != 1 {
			t.Errorf("%d of 10 requests waited, for %v; want one for %v", waited.Load(), took, lookTime)
		}
	})
}

func TestTokensDoNoMoreThanTheyMay(t *testing.T) {
	w := newWorld(t)
	_, writer := w.enter("w", api.ScopeWrite)
	if _, err := w.Token(t.Context(), writer, api.NewToken{Name: "x", Scope: api.ScopeAdmin}); codeOf(err) != api.Forbidden {
		t.Errorf("an admin's token for a writer: %v", err)
	}
	for _, n := range []api.NewToken{{Scope: api.ScopeRead}, {Name: "x", Scope: "all"}, {Name: "x", Scope: api.ScopeRead, Days: -1}} {
		if _, err := w.Token(t.Context(), writer, n); codeOf(err) != api.Invalid {
			t.Errorf("%+v: %v", n, err)
		}
	}
	secret, err := w.Token(t.Context(), writer, api.NewToken{Name: "x", Scope: api.ScopeRead, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	bears := func(header string) *http.Request {
		r := request("192.0.2.1")
		r.Header.Set("Authorization", header)
		return r
	}
	if who, err := w.Who(bears("bearer " + secret)); err != nil || who.Account != "w" || who.Scope != api.ScopeRead || who.Manages() {
		t.Errorf("the token is let in as %+v, %v", who, err)
	}
	asCookie := request("192.0.2.1")
	asCookie.AddCookie(&http.Cookie{Name: cookie, Value: secret})
	session, _ := w.enter("w", api.ScopeWrite)
	value, err := session.Cookie(cookie)
	if err != nil {
		t.Fatal(err)
	}
	wrongFirst := session.Clone(t.Context())
	wrongFirst.Header.Set("Authorization", "Bearer wrong")
	for name, r := range map[string]*http.Request{
		"a token as a cookie": asCookie, "a session as a token": bears("Bearer " + value.Value), "Basic": bears("Basic " + secret), "none": request("192.0.2.1"),
		"empty": bears("Bearer "), "a wrong token beside a cookie": wrongFirst,
	} {
		if who, err := w.Who(r); codeOf(err) != api.Unauthorized {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	w.clock = w.clock.AddDate(0, 0, 1)
	if _, err := w.Who(bears("Bearer " + secret)); codeOf(err) != api.Unauthorized {
		t.Errorf("a day later: %v", err)
	}
}

func TestANewPasswordEndsWhatCameOfTheOld(t *testing.T) {
	w := newWorld(t)
	old, who := w.enter("ann", api.ScopeWrite)
	other, _ := w.enter("bob", api.ScopeRead)
	secret, err := w.Token(t.Context(), who, api.NewToken{Name: "x", Scope: api.ScopeWrite})
	if err != nil {
		t.Fatal(err)
	}
	fresh, _ := w.enter("ann", api.ScopeRead) // and may do less from now on
	bears := request("192.0.2.1")
	bears.Header.Set("Authorization", "Bearer "+secret)
	for name, c := range map[string]struct {
		r    *http.Request
		want api.Code
	}{"the old session": {old, api.Unauthorized}, "a token that may do more": {bears, api.Unauthorized}, "the new session": {fresh, ""}, "somebody else": {other, ""}} {
		if _, err := w.Who(c.r); codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhoMayRevokeWhat(t *testing.T) {
	w := newWorld(t)
	_, admin := w.enter("admin", api.ScopeAdmin)
	reader, readerWho := w.enter("ann", api.ScopeRead)
	own, err := w.Logins(t.Context(), readerWho)
	if err != nil || len(own.Logins) != 2 { // the account and the session
		t.Fatalf("a reader sees %+v, %v", own.Logins, err)
	}
	idOf := func(kind, account string) string {
		all, err := w.Logins(t.Context(), admin)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range all.Logins {
			if l.Kind == kind && l.Account == account {
				return l.ID
			}
		}
		t.Fatalf("there is no %s of %s", kind, account)
		return ""
	}
	for name, c := range map[string]struct {
		who  api.Who
		id   string
		want api.Code
	}{
		"a reader an admin's session": {readerWho, admin.ID, api.NotFound},
		"a reader its account":        {readerWho, idOf(api.LoginAccount, "ann"), api.Forbidden},
		"an admin its own account":    {admin, idOf(api.LoginAccount, "admin"), api.Forbidden},
		"nothing known":               {admin, "00", api.NotFound},
	} {
		if err := w.Revoke(t.Context(), c.who, c.id); codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Revoke(t.Context(), admin, idOf(api.LoginAccount, "ann")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Who(reader); codeOf(err) != api.Unauthorized {
		t.Errorf("a session of an account that is gone: %v", err)
	}
	if _, _, err := w.Enter(t.Context(), request("192.0.2.8"), api.Credentials{Account: "ann", Password: password}); codeOf(err) != api.Unauthorized {
		t.Errorf("an account that is gone: %v", err)
	}
}

func TestHashesAreArgon2id(t *testing.T) {
	h := newHasher()
	one, two := h.hash(password), h.hash(password)
	if !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") || one == two {
		t.Errorf("the hashes are %q and %q", one, two)
	}
	for given, want := range map[string]bool{password: true, "": false, password + " ": false, strings.Repeat("x", maxPassword+1): false} {
		if got := h.fits(one, given); got != want {
			t.Errorf("%q fits: %v", given, got)
		}
	}
	for _, hash := range []string{"", nobody, "$argon2id$v=19$m=x$a$b", "plain"} {
		if h.fits(hash, password) || h.fits(hash, "") {
			t.Errorf("%q fits", hash)
		}
	}
}

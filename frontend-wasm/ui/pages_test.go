package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// evil is a key that would run if it became markup.
const evil = `"><img src=x onerror="alert(1)">`

// offAttribute finds attributes that are switched on by being there at all.
var offAttribute = regexp.MustCompile(` (disabled|hidden|checked|selected|open|multiple|aria-current)="false"`)

func TestEveryPageIsDrawnByTheServer(t *testing.T) {
	Register()
	handler := &app.Handler{Name: "MemCache", Icon: app.Icon{Default: "/icon.png"}}
	for path, heading := range map[string]string{"/": "Objects", "/object": "\u00a0", "/cache": "Cache", "/stats": "Statistics", "/login": "Log in", "/security": "Security"} {
		t.Run(path, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			body := w.Body.String()
			body = body[strings.Index(body, "<body"):]
			if w.Code != http.StatusOK || !strings.Contains(body, ">"+heading+"</h1>") {
				t.Fatalf("status %d, and no heading %q in %s", w.Code, heading, body)
			}
			main, _, _ := strings.Cut(body, "<aside")
			if strings.Contains(main, " style=") || offAttribute.MatchString(main) {
				t.Errorf("the page has a style or an attribute that is off: %s", offAttribute.FindString(main))
			}
			if strings.Contains(main, "not answering") {
				t.Error("the page says that the server is away before it can know")
			}
		})
	}
	if got := Paths(); len(got) != 7 {
		t.Errorf("the pages are %v", got)
	}
}

func TestFault93_NothingOfTheAddressIsDrawnByTheServer(t *testing.T) {
	Register()
	handler := &app.Handler{Name: "MemCache", Icon: app.Icon{Default: "/icon.png"}}
	for _, path := range Paths() {
		w := httptest.NewRecorder()
		query := url.Values{"key": {evil}, "search": {evil}, "after": {evil}, "sort": {evil}}
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+"?"+query.Encode(), nil))
		// The head is go-app's, and the backend writes its own.
		if _, body, _ := strings.Cut(w.Body.String(), "<body"); strings.Contains(body, "onerror") {
			t.Errorf("%s draws what its address says", path)
		}
	}
}

func object(key string) api.Object {
	return api.Object{Key: key, Size: 1234, Type: "text/plain; charset=utf-8", ETag: `"e"`, Created: 1, Modified: 2, Version: 3}
}

// draw returns the markup of a component that has the state of a test.
func draw(t *testing.T, c app.Composer) string {
	t.Helper()
	return app.HTMLString(c.Render())
}

func TestObjectsPageStates(t *testing.T) {
	s := newSession()
	offline := newSession()
	offline.conn = connState{Since: time.Now(), Err: "refused"}
	rows := func(from int, objects ...api.Object) objectsPage {
		page := listPage{List: api.List{Objects: objects, Total: 200, Exact: true, Next: "n"}}
		return objectsPage{run: newRun(page, from), from: 0, to: from + len(objects) + 2}
	}
	gridded := rows(0, object("a"), api.Object{Key: evil, Type: "image/png", ETag: `"e"`})
	gridded.q.View = viewGrid
	picked := rows(0, object("a"), object(evil))
	picked.picks.add([]api.Object{object(evil)})
	jumping := rows(0, object("a"))
	jumping.starts, jumping.q.From = starts{Common: "pre", Next: []string{"", evil}}, "pre"+evil
	changed := rows(0, object("a"))
	changed.held = &listPage{}
	empty := func(q listQuery) objectsPage {
		return objectsPage{q: q, run: newRun(listPage{List: api.List{Exact: true}}, 0)}
	}
	for name, c := range map[string]struct {
		page objectsPage
		want []string
	}{
		"nothing known":  {objectsPage{}, []string{`aria-busy`, `class="table`}},
		"no grid known":  {objectsPage{q: listQuery{View: viewGrid}}, []string{`aria-busy`, `class="pictures`}},
		"never seen":     {objectsPage{s: offline}, []string{`id="list-unseen"`}},
		"rows":           {rows(0, object("a"), object(evil)), []string{`id="rows"`, "&lt;img src=x", "200 objects", `aria-rowcount="201"`, `aria-rowindex="3"`, `class="ghost"`}},
		"rows elsewhere": {rows(3, object("a")), []string{`data-i="3"`, `class="ghost"`}},
		"grid":           {gridded, []string{`id="rows"`, `class="tile-object`, "data-src=\"/api/v1/thumbnails?key=%22%3E%3Cimg", `loading="lazy"`, `id="view-grid"`}},
		"selected":       {picked, []string{`class="picked"`, `aria-checked="false"`, "1 selected · 1.2 KB", `id="picked-zip"`, "disabled"}},
		"jumps":          {jumping, []string{`id="jump"`, ">pre<", ">∅<", ">All<", `&lt;img`}},
		"empty":          {empty(listQuery{}), []string{`id="empty"`, "curl -T"}},
		"no match":       {empty(listQuery{Search: evil}), []string{`id="no-match"`, "&lt;img"}},
		"beyond":         {empty(listQuery{Sort: api.SortKey, From: evil}), []string{`id="no-more"`, "&lt;img"}},
		"failed":         {objectsPage{err: "broken pipe"}, []string{`id="list-error"`, "broken pipe"}},
		"changed":        {changed, []string{`id="held"`}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.page.s == nil {
				c.page.s = s
			}
			markup := draw(t, &c.page)
			for _, want := range c.want {
				if !strings.Contains(markup, want) {
					t.Errorf("there is no %q in %s", want, markup)
				}
			}
			if offAttribute.MatchString(markup) {
				t.Errorf("an attribute is off: %s", offAttribute.FindString(markup))
			}
			if strings.Contains(markup, `src="/objects/`) {
				t.Error("a whole object is in the list")
			}
		})
	}
}

func TestFault100_FewRowsInTheDocument(t *testing.T) {
	r := newRun(numbered(0, 200, 1_000_000), 0)
	for i := 200; i < 100_000; i += 200 {
		r.append(numbered(i, 200, 1_000_000))
	}
	for _, g := range []grid{{Line: 52, Cols: 1}, {Line: 240, Cols: 5}, {Line: 20, Cols: 9}} {
		p := &objectsPage{s: newSession(), run: r, grid: g}
		if g.Cols > 1 {
			p.q.View = viewGrid
		}
		p.from, p.to = g.drawn(float64(98_000/g.Cols)*g.Line, 1200, r.size())
		markup := draw(t, p)
		n := strings.Count(markup, "<tr") + strings.Count(markup, "<li")
		if n <= 20 || n >= 500 || !strings.Contains(markup, "1,000,000 objects") || !strings.Contains(markup, `data-key="key98000"`) {
			t.Errorf("%+v: %d rows are in the document, from %d to %d", g, n, p.from, p.to)
		}
	}
}

func TestUploadsPanelStates(t *testing.T) {
	s := newSession()
	for i, state := range []uploadState{uploadReady, uploadWaiting, uploadSending, uploadStored, uploadFailed} {
		u := s.uploads.add(evil, fmt.Sprint("key", i), 2000, nil)
		u.State, u.Sent = state, 500
	}
	s.uploads.items[4].Err = "the disk is full"
	s.uploads.add("empty", "", 0, nil)
	s.uploads.add("mine", "shown", 1, nil).Replace = true
	markup := draw(t, &uploadsPanel{s: s})
	for _, want := range []string{
		`id="upload-key-1"`, "Waiting for its turn", "500 B of 2.0 KB, 25 %", "Stored", "the disk is full", "the key is empty", `id="upload-all"`,
		`id="clear-stored"`, `data-act="cancel"`, `data-act="send"`,
	} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
	if markup := draw(t, &uploadsPanel{s: s, Key: "shown"}); strings.Count(markup, "<li") != 1 {
		t.Errorf("on the page of an object, its own upload alone is shown: %s", markup)
	}
	if markup := draw(t, &uploadsPanel{s: newSession()}); !strings.Contains(markup, "uploads-none") {
		t.Errorf("without files there is %s", markup)
	}
}

func TestObjectPageStates(t *testing.T) {
	o := object("k")
	typed := func(mediaType string) *api.Object {
		x := o
		x.Type = mediaType
		return &x
	}
	for name, c := range map[string]struct {
		page objectPage
		want string
	}{
		"nothing known": {objectPage{}, `class="preview-wait"`},
		"missing":       {objectPage{key: evil, missing: true}, `id="not-found"`},
		"failed":        {objectPage{key: "k", err: "no way"}, "no way"},
		"image":         {objectPage{key: "k", object: typed("image/png"), view: view{came: true, image: "blob:x"}}, `id="preview-image"`},
		"image waits":   {objectPage{key: "k", object: typed("image/png")}, `class="preview-wait"`},
		"svg":           {objectPage{key: "k", object: typed("image/svg+xml"), view: view{came: true}}, `src="/objects/k"`},
		"video":         {objectPage{key: "k", object: typed("video/mp4")}, `id="preview-video"`},
		"audio":         {objectPage{key: "k", object: typed("audio/mpeg")}, `id="preview-audio"`},
		"text":          {objectPage{key: "k", object: &o, view: view{came: true, text: "<b>"}}, "&lt;b&gt;</pre>"},
		"empty text":    {objectPage{key: "k", object: &api.Object{Type: "text/plain"}, view: view{came: true}}, "has no bytes"},
		"pdf":           {objectPage{key: "k", object: typed("application/pdf")}, `id="open-pdf"`},
		"other waits":   {objectPage{key: "k", object: typed("application/zip")}, `class="preview-wait"`},
		"other":         {objectPage{key: "k", object: typed("application/zip"), view: view{came: true, text: hexDump([]byte("PK<b>"))}}, "PK&lt;b&gt;"},
		"empty other":   {objectPage{key: "k", object: &api.Object{Type: "application/zip"}, view: view{came: true}}, "has no bytes"},
		"long lines":    {objectPage{key: "k", noWrap: true, object: &o, view: view{came: true, text: "x"}}, `class="nowrap"`},
		"zoomed":        {objectPage{key: "k", zoom: 2, object: typed("image/png"), view: view{came: true, image: "blob:x"}}, ">200 %<"},
		"renaming":      {objectPage{key: "k", renaming: true, object: &o}, `id="rename-to"`},
		"cached":        {objectPage{key: "k", object: &o, cached: &api.Cached{Cached: true, Since: 1, Read: true, Idle: 5, Bytes: 2048}}, "5 s ago"},
		"not cached":    {objectPage{key: "k", object: &o, cached: &api.Cached{}}, ">no<"},
		"collapsed":     {objectPage{key: "k", object: &o, view: view{came: true, from: provenance{Known: true, Hit: true, Waited: true}}}, `data-source="collapsed"`},
		"bypass":        {objectPage{key: "k", object: &o, view: view{came: true, from: provenance{Known: true, Forward: "bypass"}}}, `data-source="bypass"`},
		"broken":        {objectPage{key: "k", object: typed("image/gif"), view: view{came: true, broken: true}}, "cannot show this image"},
		"not read":      {objectPage{key: "k", object: &o, view: view{came: true, err: "content missing"}}, "content missing"},
		"kept":          {objectPage{key: "k", object: &o, view: view{came: true, from: provenance{Known: true, Hit: true, Kept: 5}}}, `data-source="kept"`},
		"hit":           {objectPage{key: "k", object: &o, view: view{came: true, from: provenance{Known: true, Hit: true}}}, `data-source="hit"`},
		"miss":          {objectPage{key: "k", object: &o, view: view{came: true, from: provenance{Known: true}}}, `data-source="miss"`},
	} {
		t.Run(name, func(t *testing.T) {
			c.page.s = newSession()
			if markup := draw(t, &c.page); !strings.Contains(markup, c.want) || offAttribute.MatchString(markup) {
				t.Errorf("there is no %q, or an attribute is off, in %s", c.want, markup)
			}
		})
	}
}

func TestCachePageStates(t *testing.T) {
	s := newSession()
	s.conn.Online = true
	s.cache = &api.Cache{
		Capacity: 256 * api.MB, Policy: "lru", MinCapacity: api.MB, MaxCapacity: 1000 * api.MB,
		Policies: []api.Policy{{Name: "lru", Title: "LRU", About: "about it"}, {Name: "random", Title: "Random"}},
		Nodes:    []api.Node{{Name: "unix:/x", Up: true, Items: 1, Bytes: api.MB, Capacity: 256 * api.MB, Features: []string{api.FeaturePolicy}}, {Name: "down", Error: "refused"}},
	}
	p := &cachePage{s: s, capacity: "256", policy: "lru"}
	markup := draw(t, p)
	for _, want := range []string{"1.0 MB of 256.0 MB, 1 item", `id="policy-random"`, "about it", "From 1 to 1,000 MB", "not answering: refused", "disabled"} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
	p.capacity = "99999"
	if _, problem, ok := p.change(); ok || !strings.Contains(problem, "out of range") {
		t.Errorf("99999 MB can be applied, or the problem is %q", problem)
	}
	p.edited, p.capacity, p.policy = true, "12", "random"
	if c, problem, ok := p.change(); !ok || problem != "" || *c.Capacity != 12*api.MB || *c.Policy != "random" {
		t.Errorf("the change is %+v, %q, %v", c, problem, ok)
	}
	if markup := draw(t, p); !strings.Contains(markup, "All that is in memory still fits.") || !strings.Contains(markup, `id="reset"`) {
		t.Errorf("before it is applied, the change is not foretold in %s", markup)
	}
	p.edited, p.before = false, &api.CacheChange{Capacity: &s.cache.Capacity, Policy: &s.cache.Policy}
	if markup := draw(t, p); !strings.Contains(markup, "back to 256.0 MB, LRU") {
		t.Errorf("after it was applied, there is no way back in %s", markup)
	}
	p.capacity = "256"
	if c, _, ok := p.change(); !ok || c.Capacity != nil {
		t.Errorf("a capacity that stays is sent: %+v", c)
	}
	s.stats = newWindow(api.Stats{Samples: []api.Sample{{Time: 5000, Seconds: 1, Items: 9, Bytes: 2 * api.MB}}})
	if u := p.usage(); u.Items != 9 || u.Bytes != 2*api.MB {
		t.Errorf("in use is %+v, want what the newest sample says", u)
	}
	if markup := draw(t, &cachePage{s: newSession()}); !strings.Contains(markup, "bone") {
		t.Errorf("before anything is known there is %s", markup)
	}
}

func TestStatisticsPage(t *testing.T) {
	s := newSession()
	if markup := draw(t, &statsPage{s: s}); strings.Count(markup, "–</dd>") != 12 {
		t.Errorf("without samples the tiles are %s", markup)
	}
	s.stats.add(tick(api.Sample{Time: 1000_000, Seconds: 1, Requests: 2000, Hits: 1500, Misses: 500, Evictions: 7, Items: 41, Bytes: 3 << 20}))
	markup := draw(t, &statsPage{s: s})
	for _, want := range []string{">75.0 %<", ">25.0 %<", ">2,000<", ">1,500<", ">500<", ">7<", ">41<", ">3.0 MB<"} {
		if !strings.Contains(markup, want) {
			t.Errorf("no tile says %q in %s", want, markup)
		}
	}
	for _, c := range chartSpecs() {
		chart := &chart{s: s, spec: c}
		if markup := draw(t, chart); !strings.Contains(markup, `id="`+c.ID+`-line0"`) || !strings.Contains(markup, c.ID+"-readout") {
			t.Errorf("the chart is %s", markup)
		}
	}
}

func TestShellSaysWhatIsTheMatter(t *testing.T) {
	sh := newShell(pathCache)
	sh.s.conn = connState{Since: time.Now(), Err: "refused", RetryAt: time.Now().Add(3 * time.Second)}
	sh.update = true
	sh.s.toasts = []toast{{ID: 1, Text: evil}, {ID: 2, Text: "no", Error: true}}
	u := sh.s.uploads.add("f", "k", 1, nil)
	u.State = uploadSending
	markup := draw(t, sh)
	for _, want := range []string{`data-kind="offline"`, "Trying again in", `id="update"`, "&lt;img", "toast-error", "Sending 1 file", `aria-current="page"`, `data-state="off"`} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
}

func TestSeenIsBounded(t *testing.T) {
	s := seen{storage: app.NewClientTester(&toasty{}).Context().LocalStorage()}
	if s.object("k").At != 0 || recall[api.List](s, seenList).At != 0 {
		t.Fatal("something was seen before anything was")
	}
	for i := range 3 * maxSeenObjects {
		if err := s.keepObject(int64(i+1), object(fmt.Sprint("key", i%60))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(recall[[]seenValue[api.Object]](s, seenObjects).Value); n != maxSeenObjects {
		t.Errorf("%d objects are kept, want %d", n, maxSeenObjects)
	}
	if o := s.object("key29"); o.At != 150 || o.Value.Version != 3 {
		t.Errorf("what was seen last is %+v", o)
	}
	if err := s.forgetObject(200, "key29"); err != nil || s.object("key29").At != 0 {
		t.Errorf("a forgotten object is still known (%v)", err)
	}
	_ = keep(s, seenList, 7, api.List{Objects: []api.Object{object("listed")}})
	if o := s.object("listed"); o.At != 7 {
		t.Errorf("an object of the list is %+v", o)
	}
}

func TestFault104_WithoutStorage(t *testing.T) {
	for name, s := range map[string]seen{"none": {}, "forbidden": {storage: forbidden{}}} {
		if err := s.keepObject(1, object("k")); err == nil {
			t.Errorf("%s: keeping does not fail", name)
		}
		if o := s.object("k"); o.At != 0 {
			t.Errorf("%s: %+v was seen", name, o)
		}
	}
}

// forbidden is the storage of a browser that throws when it is touched.
type forbidden struct{ app.BrowserStorage }

func (forbidden) Set(string, any) error { panic(errors.New("SecurityError")) }
func (forbidden) Get(string, any) error { panic(errors.New("SecurityError")) }

// toasty is the least component there is.
type toasty struct{ app.Compo }

func (*toasty) Render() app.UI { return app.Div() }

func TestBrowserNames(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":                           "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":   "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":           "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile Safari/604.1": "Chrome on iPhone",
		"Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0":                                                            "Firefox on Android",
		"curl/8.5.0": "curl/8.5.0",
		"":           "Unknown browser",
	} {
		if got := browserName(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

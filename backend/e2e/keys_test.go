package e2e

import (
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"memcache/backend/internal/browsertest"
)

var manyKeys = flag.Int("many-keys", 0, "`number` of keys, for a list to be opened and scrolled through in Chromium; 0 for no such test")

// watchList notes when the first page of the list arrived and when its rows were
// there, and every task of the page that took longer than 50 ms.
const watchList = `{
	const seen = window.seen = { tasks: [] };
	window.WebSocket = class extends WebSocket {
		constructor(...args) {
			super(...args);
			this.addEventListener("message", (e) => {
				if (!seen.data && e.data.includes('"objects":[')) seen.data = performance.now();
			});
		}
	};
	new MutationObserver(() => {
		if (!seen.rows && document.querySelector("#rows tr[data-key]")) seen.rows = performance.now();
	}).observe(document, { childList: true, subtree: true });
	new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((t) => ({ at: t.startTime, took: t.duration }))))
		.observe({ type: "longtask", buffered: true });
}`

// scrolls are the ways through the list: with a wheel, a notch a frame for ten
// seconds, and by dragging the bar to forty places.
var scrolls = []struct{ name, script string }{
	{"by wheel", `(async () => {
		for (const end = performance.now() + 10_000; performance.now() < end;) {
			scrollBy(0, 120);
			await new Promise(requestAnimationFrame);
		}
		return true;
	})()`},
	{"by dragging", `(async () => {
		for (let i = 1; i <= 40; i++) {
			scrollTo(0, document.documentElement.scrollHeight * ((i * 17) % 40) / 40);
			await new Promise((done) => setTimeout(done, 250));
		}
		return true;
	})()`},
}

// TestManyKeysAreQuick opens a long list and scrolls through it. It judges
// nothing but the number of rows: it tells how long the first rows took, and what
// held the page up.
func TestManyKeysAreQuick(t *testing.T) {
	if *manyKeys == 0 {
		t.Skip("no -many-keys")
	}
	s := start(t)
	s.do("PUT", "/objects/first", strings.NewReader("first"), http.StatusCreated)
	s.stop()
	insertKeys(t, filepath.Join(s.data, "memcache.db"), *manyKeys-1)
	s.start()

	p := openPage(t, browsertest.Measured())
	p.before(watchList)
	p.ready(s, "/")
	p.until(`window.seen.rows && document.querySelectorAll("#rows > *").length >= 8`)
	t.Logf("%d keys: first rows %.0f ms after their data, which came %.0f ms after the navigation began",
		*manyKeys, eval[float64](p, `seen.rows - seen.data`), eval[float64](p, `seen.data`))
	for _, way := range scrolls {
		p.run(`scrollTo(0, 0); seen.tasks.length = 0`)
		eval[bool](p, way.script)
		p.few(t)
		t.Logf("scrolled %s to row %s: %d tasks of more than 50 ms, the longest %.0f ms, together %.0f ms", way.name,
			eval[string](p, `[...document.querySelectorAll("#rows tr[data-i]")].at(-1)?.dataset.i ?? "?"`),
			eval[int](p, `seen.tasks.length`), eval[float64](p, `Math.max(0, ...seen.tasks.map((t) => t.took))`),
			eval[float64](p, `seen.tasks.reduce((sum, t) => sum + t.took, 0)`))
	}
}

// Package browsertest starts Chromium for tests.
//
// A test gets a browser of its own, with an empty profile, and drives it with
// chromedp:
//
//	ctx := browsertest.Start(t)
//	err := chromedp.Do(ctx, chromedp.Navigate(server.URL))
//
// What the pages write to the console as an error or a warning of the browser's
// security rules, and every exception that nothing caught, fails the test when
// it ends, unless the test said with [Allow] that it expects it. The browser and
// all its processes are gone when the test is over, however it ended.
//
// The browser is spared what no test is about: see [Measured].
//
// A machine without Chromium fails these tests: they never skip.
package browsertest

import (
	"context"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// DefaultLimit is how long a browser may live before everything that waits for
// it fails.
const DefaultLimit = 2 * time.Minute

// stopLimit is how long a browser gets to close in good order before it is
// killed.
const stopLimit = 5 * time.Second

// An Option changes how [Start] starts the browser.
type Option func(*config)

type config struct {
	allow   []*regexp.Regexp
	flags   []chromedp.ExecAllocatorOption
	limit   time.Duration
	width   int
	height  int
	program string
	// measured leaves out what spares the machine.
	measured bool
}

// Allow lets console errors pass whose text or source address matches one of
// the regular expressions.
func Allow(patterns ...string) Option {
	return func(c *config) {
		for _, p := range patterns {
			c.allow = append(c.allow, regexp.MustCompile(p))
		}
	}
}

// Window sets the size of the window in CSS pixels; it is 1280 × 800 otherwise.
func Window(width, height int) Option {
	return func(c *config) { c.width, c.height = width, height }
}

// Limit replaces [DefaultLimit].
func Limit(d time.Duration) Option {
	return func(c *config) { c.limit = d }
}

// Profile keeps the browser's profile in dir, so that a second browser, started
// after the first was stopped with [Stop], goes on where it was. Without it the
// profile is new and is removed at the end.
func Profile(dir string) Option {
	return Flag("user-data-dir", dir)
}

// Flag passes a command line flag to Chromium. The value is a string or a bool.
func Flag(name string, value any) Option {
	return func(c *config) { c.flags = append(c.flags, chromedp.Flag(name, value)) }
}

// Measured starts the browser as it is for people, for a test that tells how
// quick pages are. Others leave out work that shows in nothing but speed, and
// that costs more than their pages do: the program is compiled by V8's quick
// compiler alone until it has run for long, and neither the interface around
// the pages nor processes for pages to come are made ready.
func Measured() Option {
	return func(c *config) { c.measured = true }
}

// Start starts a browser and returns the chromedp context of its first tab,
// which lives until the end of the test, or [DefaultLimit]. It fails the test
// when there is no Chromium or it does not start.
func Start(t testing.TB, opts ...Option) context.Context {
	t.Helper()
	c := config{limit: DefaultLimit, width: 1280, height: 800}
	for _, o := range opts {
		o(&c)
	}
	if c.program = findProgram(); c.program == "" {
		t.Fatalf("Chromium is not installed (looked for %q in PATH): install it, on Debian and Ubuntu with: apt-get install chromium", programs)
	}
	b := &browser{console: console{allow: c.allow}}
	// The test's own context ends before its cleanups run, and the console has
	// to be read to its end first.
	ctx := context.WithValue(context.WithoutCancel(t.Context()), browserKey{}, b)
	ctx, cancelLimit := context.WithTimeout(ctx, c.limit)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, c.allocatorOptions()...)
	ctx, cancelTab := chromedp.NewContext(ctx, chromedp.WithListener(b.console.listen))
	b.kill = func() {
		cancelTab()
		cancelAllocator()
		cancelLimit()
	}
	b.tabs = append(b.tabs, ctx)
	t.Cleanup(func() { stop(t, b) })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", c.program, err)
	}
	return ctx
}

// NewTab opens another tab in the browser of ctx, which comes from [Start]. Its
// console is watched in the same way; it is closed when t ends, which may be a
// subtest of the test that started the browser.
func NewTab(t testing.TB, ctx context.Context) context.Context {
	t.Helper()
	b := ctx.Value(browserKey{}).(*browser)
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithListener(b.console.listen))
	t.Cleanup(func() {
		settle(ctx)
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	b.tabs = append(b.tabs, ctx)
	return ctx
}

// Stop closes the browser of ctx in good order before the test ends, and
// reports its console errors. Call it on the test's own goroutine.
func Stop(t testing.TB, ctx context.Context) {
	t.Helper()
	stop(t, ctx.Value(browserKey{}).(*browser))
}

type browserKey struct{}

// browser is a running browser. It is used by the test's goroutine alone,
// except for its console.
type browser struct {
	console console
	tabs    []context.Context
	kill    func()
	stopped bool
}

func stop(t testing.TB, b *browser) {
	t.Helper()
	if b.stopped {
		return
	}
	b.stopped = true
	for _, tab := range b.tabs {
		settle(tab)
	}
	for _, problem := range b.console.problems() {
		t.Errorf("unexpected in the browser's console: %s", problem)
	}
	ctx, cancel := context.WithTimeout(b.tabs[0], stopLimit)
	defer cancel()
	// An error here means that the browser is already gone or does not answer;
	// both are settled by killing it.
	_ = chromedp.Cancel(ctx)
	b.kill()
}

// settle waits until every console message that the tab sent before now has
// been heard: the browser answers a command after them.
func settle(tab context.Context) {
	ctx, cancel := context.WithTimeout(tab, stopLimit)
	defer cancel()
	_, _ = chromedp.Run(ctx, chromedp.Evaluate[int](`1`))
}

func (c *config) allocatorOptions() []chromedp.ExecAllocatorOption {
	// chromedp's own options run it headless, without first-run pages,
	// background traffic and synchronization; as root without its sandbox.
	opts := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	opts = append(
		opts,
		chromedp.ExecPath(c.program),
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(c.width, c.height),
	)
	if !c.measured {
		opts = append(opts, sparing...)
	}
	return append(opts, c.flags...)
}

// sparing are the flags that [Measured] leaves out. The list of features begins
// with chromedp's own, which it replaces.
var sparing = []chromedp.ExecAllocatorOption{
	chromedp.Flag("js-flags", "--wasm-tiering-budget=200000000"),
	chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,SpareRendererForSitePerProcess,WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup"),
}

// programs are the names under which Chromium is installed.
var programs = []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"}

func findProgram() string {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

package browsertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder stands for a test whose failures are looked at instead of counted.
type recorder struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Context() context.Context { return r.TB.Context() }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func serve(t *testing.T, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "script-src 'unsafe-inline'; img-src 'self' data:; style-src 'none'")
		io.WriteString(w, "<!doctype html><link rel=icon href=data:,>"+body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestConsoleErrorsFailTheTest(t *testing.T) {
	cases := []struct {
		name, body string
		allow      []string
		want       []string // one for each expected error
	}{
		{name: "quiet page", body: `<script>console.log("fine"); console.warn("fine too")</script>`},
		{name: "console.error", body: `<script>console.error("boom", 42)</script>`, want: []string{"boom"}},
		{name: "exception", body: `<script>throw new Error("kaput")</script>`, want: []string{"kaput"}},
		{name: "policy", body: `<style>p { color: red }</style>`, want: []string{"Content Security Policy"}},
		{name: "missing image", body: `<img src="/gone.png">`, want: []string{"404"}},
		{name: "allowed by text", body: `<script>console.error("boom")</script>`, allow: []string{"^\"boom\"$"}},
		{name: "allowed by address", body: `<img src="/gone.png">`, allow: []string{`/gone\.png$`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			ctx := Start(r, Allow(c.allow...))
			if err := chromedp.Do(ctx, chromedp.Navigate(serve(t, c.body))); err != nil {
				t.Error(err)
			}
			r.end()
			if len(r.errors) != len(c.want) {
				t.Fatalf("got the errors %q, want %d", r.errors, len(c.want))
			}
			for i, want := range c.want {
				if !strings.Contains(r.errors[i], want) {
					t.Errorf("error %q does not contain %q", r.errors[i], want)
				}
			}
			if ctx.Err() == nil {
				t.Error("the browser's context is still alive after the end of the test")
			}
		})
	}
}

func TestSecondTabIsWatched(t *testing.T) {
	r := &recorder{TB: t}
	ctx := Start(r)
	tab := NewTab(r, ctx)
	if err := chromedp.Do(tab, chromedp.Navigate(serve(t, `<script>console.error("second")</script>`))); err != nil {
		t.Error(err)
	}
	r.end()
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "second") {
		t.Errorf("got the errors %q, want the one of the second tab", r.errors)
	}
}

func TestProfileOutlivesTheBrowser(t *testing.T) {
	dir, url := t.TempDir(), serve(t, "hello")
	first := Start(t, Profile(dir))
	if err := chromedp.Do(first, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(first, chromedp.Evaluate[chromedp.Void](`localStorage.setItem("kept", "yes")`)); err != nil {
		t.Fatal(err)
	}
	Stop(t, first)
	second := Start(t, Profile(dir))
	if err := chromedp.Do(second, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(second, chromedp.Evaluate[string](`String(localStorage.getItem("kept"))`))
	if err != nil || got != "yes" {
		t.Errorf("localStorage of the second browser holds %q, %v; want \"yes\"", got, err)
	}
}

func TestMissingChromiumFails(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	r := &fatalRecorder{recorder: recorder{TB: t}}
	func() {
		defer func() { _ = recover() }()
		Start(r)
	}()
	if !strings.Contains(r.fatal, "apt-get install chromium") {
		t.Errorf("without Chromium the test fails with %q, which does not say how to install it", r.fatal)
	}
}

type fatalRecorder struct {
	recorder
	fatal string
}

func (r *fatalRecorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r.fatal)
}

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"memcache/shared/api"
)

// The card of the autopilot: what it is told, what it does at once, and the way back.
func TestAutopilotFromThePage(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/api/v1/cache", strings.NewReader(`{"capacity": 268435456}`), http.StatusOK)
	p := openPage(t)
	p.ready(s, "/cache")
	p.shows("#pilot-state", "Off: the capacity stays as it is set.")
	p.has("#pilot-none")

	p.until(`document.querySelector("#pilot-most")?.value > 0`)
	p.fill("#pilot-target", "101")
	p.shows("#pilot-problem", "is no hit rate to reach")
	p.fill("#pilot-target", "85.5")
	p.fill("#pilot-least", "32")
	p.fill("#pilot-most", "128")
	p.click("#pilot-on")
	p.shows("#pilot-changes", "256.0 MB → 128.0 MB")
	p.shows("#pilot-changes", "The capacity was outside of the bounds.")
	p.shows("#pilot-state", "Its last change has to show first")
	p.shows("#use", "of 128.0 MB")
	if c := s.cacheNow(); c.Capacity != 128*api.MB || c.Nodes[0].Capacity != 128*api.MB {
		t.Errorf("the cache is %+v", c)
	}

	for _, width := range []int64{390, 1440} {
		p.do("set the width", chromedp.EmulateViewport(width, 844))
		p.bothSchemes(t, fmt.Sprintf("autopilot-%d", width))
	}

	p.fill("#capacity", "64")
	p.click("#apply")
	p.shows("#pilot-state", "Paused until")

	p.click("#pilot-goal-knee")
	p.hasNot("#pilot-target")
	p.click("#pilot-save")
	p.shows("#toasts", "The autopilot is set.")

	p.click("#pilot-undo-1")
	p.shows("#toasts", "Undone: the capacity is 256.0 MB again")
	p.shows("#pilot-state", "Off, since one of its changes was undone")
	p.until(`document.querySelector("#pilot-off").getAttribute("aria-pressed") === "true"`)
	if c := s.cacheNow(); c.Capacity != 256*api.MB {
		t.Errorf("after the undo the cache is %+v", c)
	}
	p.hasNot("#pilot-undo-1")
}

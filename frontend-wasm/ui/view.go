package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// How much of an object is fetched to be shown. A larger one is left to the
// browser, or to a download, and only its first byte is asked for.
const (
	maxImageBytes = 64 << 20
	maxTextBytes  = 256 << 10
	maxProbeBytes = 1 << 20
)

// view is the bytes of an object as far as the page shows them.
type view struct {
	etag     string // of the object that is shown or being fetched
	fetching bool
	came     bool // provenance, or err, is of the newest fetch
	from     provenance
	err      string
	text     string
	image    string // an object URL
	broken   bool   // the browser cannot show it
	runs     int    // how often it was fetched
	cancel   context.CancelFunc
}

// close stops a fetch and lets go of the bytes.
func (v *view) close() {
	if v.cancel != nil {
		v.cancel()
	}
	v.dropImage()
	*v = view{runs: v.runs}
}

// dropImage lets go of the image's bytes. An element that was just given the
// address may not have begun to load it; a second image, which loads after it,
// tells when the address is needed no more.
func (v *view) dropImage() {
	if v.image == "" {
		return
	}
	address := v.image
	v.image = ""
	last := app.Window().Get("Image").New()
	last.Set("src", address)
	go func() {
		_, _ = await(context.Background(), last.Call("decode")) // fails for what is no image: that has loaded, too
		app.Window().Get("URL").Call("revokeObjectURL", address)
	}()
}

// rangeOf returns the Range header with which o is asked for, "" for all of it.
func rangeOf(o api.Object) string {
	limit := int64(maxProbeBytes)
	switch kindOf(o.Type) {
	case kindImage:
		limit = maxImageBytes
	case kindText:
		if o.Size > maxTextBytes {
			return fmt.Sprintf("bytes=0-%d", maxTextBytes-1)
		}
		return ""
	case kindOther:
		if o.Size > maxHexBytes {
			return fmt.Sprintf("bytes=0-%d", maxHexBytes-1)
		}
		return ""
	}
	if o.Size > limit {
		return "bytes=0-0"
	}
	return ""
}

// fetch asks for the bytes of o and calls changed, on the UI goroutine, when
// they are there. What was shown stays until then.
func (v *view) fetch(ctx app.Context, o api.Object, changed func()) {
	if v.cancel != nil {
		v.cancel()
	}
	fetchCtx, cancel := context.WithCancel(ctx)
	v.runs++
	v.cancel, v.fetching, v.etag = cancel, true, o.ETag
	run := v.runs
	go func() {
		r, text, err := fetchObject(fetchCtx, o)
		ctx.Dispatch(func(app.Context) {
			cancel()
			if run == v.runs && ctx.Err() == nil {
				v.take(o, r, text, err)
				changed()
			}
		})
	}()
}

func fetchObject(ctx context.Context, o api.Object) (reply, string, error) {
	r, err := fetch(ctx, api.ObjectPath(o.Key), rangeOf(o))
	if err != nil {
		return r, "", errors.New(tf("the bytes could not be fetched: %s", err))
	}
	if r.Status >= 300 {
		problem, _ := r.bytes(ctx, 4096)
		return r, "", errors.New(problemText(r.Status, problem))
	}
	switch kindOf(o.Type) {
	case kindText:
		b, err := r.bytes(ctx, maxTextBytes)
		return r, showable(b), err
	case kindOther:
		b, err := r.bytes(ctx, maxHexBytes)
		return r, hexDump(b), err
	default:
		return r, "", nil
	}
}

// problemText is what a problem document (RFC 9457) says.
func problemText(status int, body []byte) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) == nil && p.Detail+p.Title != "" {
		if p.Detail != "" {
			return p.Detail
		}
		return p.Title
	}
	return tf("the server answered %d", status)
}

// refused is a problem document as an error. Its text is in the catalogue if it
// names nothing.
func refused(status int, body []byte) *api.Error {
	text := problemText(status, body)
	return &api.Error{Code: api.Invalid, Message: text, Format: text}
}

// showable makes text of bytes that were cut anywhere and may hold anything.
func showable(b []byte) string {
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	s = strings.TrimSuffix(s, "\uFFFD")
	return strings.ReplaceAll(strings.TrimPrefix(s, "\uFEFF"), "\x00", "\u2400")
}

func (v *view) take(o api.Object, r reply, text string, err error) {
	v.fetching, v.came, v.broken = false, true, false
	if err != nil {
		v.err = err.Error()
		return
	}
	v.err, v.text = "", text
	v.from = parseProvenance(r.CacheStatus, r.ServerTiming)
	v.from.Trip = r.Trip
	v.from.Kept, _ = strconv.ParseInt(r.Kept, 10, 64) // 0 without a number
	v.dropImage()
	if kindOf(o.Type) == kindImage && !isSVG(o.Type) && rangeOf(o) == "" {
		v.image = app.Window().Get("URL").Call("createObjectURL", r.blob).String()
	}
}

// imageSource is where the browser takes an image from, "" while it is not
// there. One that can hold scripts is never given an address of our own origin
// beyond the one the server guards, nor is one that is too large to copy.
func (v *view) imageSource(o api.Object) string {
	if v.image != "" || !v.came || v.err != "" {
		return v.image
	}
	return api.ObjectPath(o.Key)
}

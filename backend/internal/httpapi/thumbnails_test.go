package httpapi

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"memcache/shared/api"
)

// picture is a PNG of one color.
func picture(t *testing.T, w, h int, c color.Color) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.String()
}

// side is the longer side of the picture in a reply.
func side(t *testing.T, a answer) int {
	t.Helper()
	cfg, format, err := image.DecodeConfig(strings.NewReader(a.body))
	must(t, err)
	if got := a.Header.Get("Content-Type"); got != "image/"+format {
		t.Errorf("a %s is called %s", format, got)
	}
	return max(cfg.Width, cfg.Height)
}

func TestThumbnails(t *testing.T) {
	w := start(t)
	w.want(w.put("my pictures/red.png", picture(t, 900, 600, color.RGBA{200, 0, 0, 255})), 201)
	const at = "/api/v1/thumbnails/my%20pictures/red.png"
	got := w.want(w.do("GET", at, nil), 200)
	if n := side(t, got); n != 256 {
		t.Errorf("%d pixels", n)
	}
	etag := got.Header.Get("Etag")
	w.want(w.do("GET", at, nil, "If-None-Match", etag), 304)
	large := w.want(w.do("GET", at+"?size=512", nil), 200)
	if n := side(t, large); n != 512 || large.Header.Get("Etag") == etag {
		t.Errorf("%d pixels, ETag %s", n, large.Header.Get("Etag"))
	}
	if same := w.want(w.do("GET", "/api/v1/thumbnails?key=my%20pictures/red.png", nil), 200); same.body != got.body {
		t.Error("by query it is another one")
	}
	head := w.want(w.do("HEAD", at, nil), 200)
	if head.body != "" || head.ContentLength != int64(len(got.body)) {
		t.Errorf("HEAD: %d bytes, declares %d", len(head.body), head.ContentLength)
	}
	w.want(w.put("my pictures/red.png", picture(t, 90, 60, color.RGBA{200, 0, 0, 100})), 200)
	after := w.want(w.do("GET", at, nil, "If-None-Match", etag), 200)
	if n := side(t, after); n != 90 || after.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%d pixels, %v", n, after.Header)
	}
}

func TestThumbnailAddressesThatNameTheContentAreKept(t *testing.T) {
	w := start(t)
	etag := w.want(w.put("red", picture(t, 300, 200, color.White)), 201).Header.Get("Etag")
	path := api.ThumbnailPath(api.Object{Key: "red", ETag: etag}, 128)
	if got := w.want(w.do("GET", path, nil), 200).Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q", got)
	}
	w.want(w.put("red", picture(t, 200, 300, color.Black)), 200)
	if got := w.want(w.do("GET", path, nil), 200).Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("of another content: Cache-Control %q", got)
	}
}

func TestWhatHasNoThumbnail(t *testing.T) {
	w := start(t)
	w.wantProblem(w.do("GET", "/api/v1/thumbnails/none", nil), 404, "none")
	for _, size := range []string{"0", "-1", "255", "100000", "x", "1e9"} {
		w.wantProblem(w.do("GET", "/api/v1/thumbnails/none?size="+size, nil), 400, "256")
	}
	w.wantProblem(w.do("POST", "/api/v1/thumbnails/none", nil), 405)
	w.want(w.put("text", "Just words."), 201)
	w.want(w.put("empty", ""), 201)
	for _, key := range []string{"text", "empty", "text"} {
		w.wantProblem(w.do("GET", "/api/v1/thumbnails/"+key, nil), 415, key)
	}
}

func TestFault12_AGIFThatDeclaresTooMuchIsStoredAndHasNoPreview(t *testing.T) {
	w := start(t)
	const bomb = "GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00"
	w.want(w.put("bomb.gif", bomb), 201)
	w.wantProblem(w.do("GET", "/api/v1/thumbnails/bomb.gif", nil), 415, "bomb.gif", "image/gif")
	if got := w.want(w.get("bomb.gif"), 200); got.body != bomb {
		t.Error("it came back changed")
	}
}

func TestFault13_TruncatedPicturesHaveNoPreview(t *testing.T) {
	w := start(t)
	whole := picture(t, 300, 200, color.White)
	for _, n := range []int{10, 30, len(whole) / 2, len(whole) - 13} {
		w.want(w.put("cut.png", whole[:n]), map[bool]int{true: 201, false: 200}[n == 10])
		w.wantProblem(w.do("GET", "/api/v1/thumbnails/cut.png", nil), 415)
	}
}

package e2e

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// pasteFile pastes a picture, as the clipboard has it.
const pasteFile = `(() => {
	const data = new DataTransfer();
	data.items.add(new File(['pasted'], 'image.png', {type: 'image/png'}));
	document.body.dispatchEvent(new ClipboardEvent('paste', {bubbles: true, cancelable: true, clipboardData: data}));
	return true;
})()`

// shareFile sends the form that the system sends when a file is shared with the app.
const shareFile = `(async () => {
	const form = new FormData();
	form.append('files', new File(['shared'], 'shared.txt', {type: 'text/plain'}));
	const response = await fetch('/share', {method: 'POST', body: form});
	return response.ok;
})()`

// dropFolder drags a folder from the desktop onto the page.
func (p *page) dropFolder(path string) {
	p.t.Helper()
	for _, kind := range []input.DispatchDragEventType{"dragEnter", "dragOver", "drop"} {
		_, err := chromedp.Call(p.ctx, input.DispatchDragEvent, input.DispatchDragEventParams{
			Type: kind, X: 300, Y: 300, Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1},
		})
		if err != nil {
			p.t.Fatalf("drag a folder: %v", err)
		}
	}
}

// photograph is a JPEG of that size with something in it to compress.
func photograph(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(x * y >> 6), uint8(x ^ y), uint8(x + y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Files come in by a folder, the clipboard and from other apps; photographs get
// smaller; an upload is paused and goes on.
func TestFilesComeInEveryWay(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t)
	p.ready(s, "/")
	p.until(`navigator.serviceWorker.controller`)

	folder := filepath.Join(t.TempDir(), "trip")
	for name, text := range map[string]string{"a.txt": "a", "day 1/b.txt": "b", "day 1/deep/c.txt": "c"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.dropFolder(folder)
	p.until(`document.querySelectorAll('[data-upload][data-state="ready"]').length === 3`)
	p.click("#upload-all")
	p.until(`document.querySelectorAll('[data-upload][data-state="stored"]').length === 3`)
	for key, want := range map[string]string{"trip/a.txt": "a", "trip/day%201/b.txt": "b", "trip/day%201/deep/c.txt": "c"} {
		if got := s.do("GET", "/objects/"+key, nil, http.StatusOK); string(got.body) != want {
			t.Errorf("%s is %q", key, got.body)
		}
	}
	p.click("#clear-stored")

	eval[bool](p, pasteFile)
	p.until(`document.querySelector(".upload-key-field[id^=upload-key]").value.startsWith("pasted 2")`)
	p.click(`[data-act="send"]`)
	p.has(`[data-upload][data-state="stored"]`)
	p.click("#clear-stored")

	p.choose("#files", writeFile(t, "photo.jpg", photograph(t, 3000, 2000)))
	p.click("#upload-shrink")
	p.screenshot("uploads-1440-light")
	p.click("#upload-all")
	p.has(`[data-upload][data-state="stored"]`)
	small, err := jpeg.DecodeConfig(bytes.NewReader(s.do("GET", "/objects/photo.jpg", nil, http.StatusOK).body))
	if err != nil || small.Width != 2048 || small.Height != 1365 {
		t.Errorf("the photograph is stored with %d x %d pixels (%v)", small.Width, small.Height, err)
	}
	p.click("#clear-stored")
	p.pauses(s)

	if !eval[bool](p, shareFile) {
		t.Error("what was shared does not lead to the app")
	}
	p.ready(s, "/?shared")
	p.has(`[data-upload][data-state="ready"]`) // any page could have sent it to a tab
	p.click("#upload-all")
	p.has(rowOf("shared.txt"))
}

// pauses pauses an upload and lets it go on.
func (p *page) pauses(s *site) {
	p.t.Helper()
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	p.choose("#files", writeFile(p.t, "large.bin", large))
	p.has(`[data-upload][data-state="ready"]`)
	backend := s.program("backend").pid
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		p.t.Fatal(err)
	}
	p.click("#upload-all")
	p.has(`[data-upload][data-state="sending"]`)
	p.click(`[data-act="pause"]`)
	if err := syscall.Kill(backend, syscall.SIGCONT); err != nil {
		p.t.Fatal(err)
	}
	p.has(`[data-upload][data-state="paused"]`)
	p.shows("#uploads", "Paused at")
	p.click("#resume-all")
	p.has(`[data-upload][data-state="stored"]`)
	if got := s.do("GET", "/objects/large.bin", nil, http.StatusOK); !bytes.Equal(got.body, large) {
		p.t.Errorf("%d bytes came back", len(got.body))
	}
	if o, _ := s.object("large.bin"); o.Version != versionOne {
		p.t.Errorf("it was stored %d times", o.Version)
	}
	p.click("#clear-stored")
}

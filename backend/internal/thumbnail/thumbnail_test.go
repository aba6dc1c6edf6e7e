package thumbnail

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"

	"golang.org/x/image/bmp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quarters is a picture whose quarters are red, green, blue and white.
func quarters(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	colors := [2][2]color.RGBA{{{255, 0, 0, 255}, {0, 255, 0, 255}}, {{0, 0, 255, 255}, {255, 255, 255, 255}}}
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, colors[2*y/h][2*x/w])
		}
	}
	return img
}

func encoded(t testing.TB, format string, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	switch format {
	case "jpeg":
		must(t, jpeg.Encode(&b, img, nil))
	case "png":
		must(t, png.Encode(&b, img))
	case "gif":
		must(t, gif.Encode(&b, img, nil))
	case "bmp":
		must(t, bmp.Encode(&b, img))
	}
	return b.Bytes()
}

// made is the thumbnail of file, decoded.
func made(t testing.TB, file []byte, size int) (image.Image, string) {
	t.Helper()
	thumb, err := New().Make(t.Context(), bytes.NewReader(file), size)
	must(t, err)
	img, format, err := image.Decode(bytes.NewReader(thumb.Body))
	must(t, err)
	if "image/"+format != thumb.Type {
		t.Errorf("a %s is called %s", format, thumb.Type)
	}
	return img, thumb.Type
}

// name is the color of a quarter, for messages.
func name(c color.Color) string {
	r, g, b, a := c.RGBA()
	bright := func(v uint32) bool { return v > 0x9000 }
	switch {
	case a < 0x8000:
		return "nothing"
	case bright(r) && bright(g) && bright(b):
		return "white"
	case bright(r):
		return "red"
	case bright(g):
		return "green"
	case bright(b):
		return "blue"
	}
	return "dark"
}

// corners names the colors of the quarters, row by row.
func corners(img image.Image) [4]string {
	b := img.Bounds()
	at := func(x, y int) string { return name(img.At(b.Dx()*x/4, b.Dy()*y/4)) }
	return [4]string{at(1, 1), at(3, 1), at(1, 3), at(3, 3)}
}

var upright = [4]string{"red", "green", "blue", "white"}

func TestEveryKnownTypeIsMadeSmall(t *testing.T) {
	for _, format := range []string{"jpeg", "png", "gif", "bmp"} {
		img, mediaType := made(t, encoded(t, format, quarters(1200, 600)), 256)
		if b := img.Bounds(); b.Dx() != 256 || b.Dy() != 128 {
			t.Errorf("%s: %v", format, b)
		}
		if got := corners(img); got != upright || mediaType != "image/jpeg" {
			t.Errorf("%s: %v, %s", format, got, mediaType)
		}
	}
}

func TestThinAndSmallPicturesKeepAPixel(t *testing.T) {
	for _, c := range []struct{ w, h, toW, toH int }{{1, 4000, 1, 128}, {4000, 1, 128, 1}, {20, 10, 20, 10}, {1, 1, 1, 1}} {
		img, _ := made(t, encoded(t, "png", quarters(c.w, c.h)), 128)
		if b := img.Bounds(); b.Dx() != c.toW || b.Dy() != c.toH {
			t.Errorf("%d x %d became %v", c.w, c.h, b)
		}
	}
}

func TestTransparencyStays(t *testing.T) {
	img := quarters(400, 400)
	for y := range 200 {
		for x := range 200 {
			img.SetRGBA(x, y, color.RGBA{})
		}
	}
	small, mediaType := made(t, encoded(t, "png", img), 100)
	if got := corners(small); got != [4]string{"nothing", "green", "blue", "white"} || mediaType != "image/png" {
		t.Errorf("%v, %s", got, mediaType)
	}
}

// turned is a JPEG whose Exif data give an orientation.
func turned(t *testing.T, order binary.AppendByteOrder, orientation uint16) []byte {
	tiff := map[bool]string{true: "MM", false: "II"}[order == binary.AppendByteOrder(binary.BigEndian)]
	exif := append([]byte("Exif\x00\x00"), tiff...)
	exif = order.AppendUint32(order.AppendUint16(exif, 42), 8)
	exif = order.AppendUint16(exif, 1)
	exif = order.AppendUint16(order.AppendUint16(exif, 0x0112), 3)
	exif = order.AppendUint16(order.AppendUint32(exif, 1), orientation)
	exif = append(exif, 0, 0, 0, 0, 0, 0)
	plain := encoded(t, "jpeg", quarters(160, 80))
	file := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xe1"), uint16(len(exif)+2))
	return append(append(file, exif...), plain[2:]...)
}

func TestPhotographsStandUpright(t *testing.T) {
	want := map[uint16][4]string{
		1: upright, 2: {"green", "red", "white", "blue"}, 3: {"white", "blue", "green", "red"}, 4: {"blue", "white", "red", "green"},
		5: {"red", "blue", "green", "white"}, 6: {"blue", "red", "white", "green"}, 7: {"white", "green", "blue", "red"}, 8: {"green", "white", "red", "blue"},
		0: upright, 9: upright,
	}
	for orientation, colors := range want {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			img, _ := made(t, turned(t, order, orientation), 64)
			if got := corners(img); got != colors {
				t.Errorf("orientation %d, %v: %v", orientation, order, got)
			}
			if b := img.Bounds(); (b.Dx() < b.Dy()) != (orientation >= 5 && orientation <= 8) {
				t.Errorf("orientation %d: %v", orientation, b)
			}
		}
	}
}

// bomb is a GIF of 34 bytes that declares 65535 x 65535 pixels.
const bomb = "GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00"

// wantNoPreview makes a thumbnail of file, which must fail without much memory.
func wantNoPreview(t *testing.T, what string, file []byte) {
	t.Helper()
	before := allocated()
	_, err := New().Make(t.Context(), bytes.NewReader(file), 256)
	if !errors.Is(err, ErrNoPreview) {
		t.Errorf("%s: %v", what, err)
	}
	if took := allocated() - before; took > 8<<20 {
		t.Errorf("%s: took %d bytes", what, took)
	}
}

// allocated is how many bytes were ever taken from the heap.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestFault12_DeclaredSizesTakeNoMemory(t *testing.T) {
	if len(bomb) != 34 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	wantNoPreview(t, "GIF", []byte(bomb))

	huge := encoded(t, "png", quarters(8, 8))
	binary.BigEndian.PutUint32(huge[16:], 60000)
	binary.BigEndian.PutUint32(huge[20:], 60000)
	wantNoPreview(t, "PNG", huge) // its checksum is wrong, too

	photo := encoded(t, "jpeg", quarters(64, 64))
	frame := bytes.Index(photo, []byte("\xff\xc0"))
	binary.BigEndian.PutUint16(photo[frame+5:], 65000)
	binary.BigEndian.PutUint16(photo[frame+7:], 65000)
	wantNoPreview(t, "JPEG", photo)
}

func TestFault13_DamagedPicturesHaveNoPreview(t *testing.T) {
	wantNoPreview(t, "nothing", nil)
	wantNoPreview(t, "text", []byte("This is not a picture, although it is called one."))
	for _, format := range []string{"jpeg", "png", "gif", "bmp"} {
		whole := encoded(t, format, quarters(300, 200))
		for _, part := range []int{3, 20, len(whole) / 2} {
			wantNoPreview(t, format, whole[:part])
		}
	}
}

func FuzzFault13_Make(f *testing.F) {
	for _, format := range []string{"jpeg", "png", "gif", "bmp"} {
		f.Add(encoded(f, format, quarters(40, 30)))
	}
	f.Add([]byte(bomb))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	m := New()
	f.Fuzz(func(t *testing.T, file []byte) {
		thumb, err := m.Make(t.Context(), bytes.NewReader(file), 64)
		if (err == nil) != (len(thumb.Body) > 0) || err != nil && !errors.Is(err, ErrNoPreview) {
			t.Errorf("%d bytes, %v", len(thumb.Body), err)
		}
	})
}

// TestMemoryIsBoundedWhileManyAreDecoded decodes more than fits at once, and
// watches the heap from within the reads of the decoders.
func TestMemoryIsBoundedWhileManyAreDecoded(t *testing.T) {
	photo := encoded(t, "jpeg", quarters(4000, 3000)) // 30 MB with the scaling
	m := New()
	runtime.GC()
	before := heap()
	var group sync.WaitGroup
	var watch peak
	for range 3 {
		group.Go(func() {
			_, err := m.Make(t.Context(), &watched{Reader: bytes.NewReader(photo), peak: &watch}, 256)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if rise := int64(watch.most) - int64(before); rise > 64<<20 {
		t.Errorf("the heap rose by %d bytes", rise)
	}
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peak is the most that the heap was seen to hold.
type peak struct {
	mu   sync.Mutex
	most uint64
}

func (p *peak) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, heap())
}

type watched struct {
	*bytes.Reader
	peak *peak
}

func (w *watched) Read(p []byte) (int, error) {
	w.peak.look()
	return w.Reader.Read(p)
}

func TestErrorsOfTheReaderAreNotThePictures(t *testing.T) {
	file := encoded(t, "png", quarters(300, 300))
	broken := errors.New("the disk is gone")
	for _, after := range []int64{0, 20, int64(len(file) / 2)} {
		_, err := New().Make(t.Context(), &failing{Reader: bytes.NewReader(file), after: after, err: broken}, 64)
		if !errors.Is(err, broken) || errors.Is(err, ErrNoPreview) {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}

func TestAReaderWhoLeavesEndsTheDecoding(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	r := &leaving{Reader: bytes.NewReader(encoded(t, "png", quarters(800, 800))), leave: leave}
	if _, err := New().Make(ctx, r, 64); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// leaving ends a context with the first read beyond the header.
type leaving struct {
	*bytes.Reader
	leave func()
	reads int
}

func (l *leaving) Read(p []byte) (int, error) {
	if l.reads++; l.reads > 1 {
		l.leave()
	}
	return l.Reader.Read(p[:min(len(p), 100)])
}

// failing fails beyond its first bytes.
type failing struct {
	*bytes.Reader
	after int64
	err   error
}

func (f *failing) Read(p []byte) (int, error) {
	at, _ := f.Seek(0, io.SeekCurrent)
	if at >= f.after {
		return 0, f.err
	}
	return f.Reader.Read(p[:min(int64(len(p)), f.after-at)])
}

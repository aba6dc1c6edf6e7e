// Package thumbnail makes small pictures of large ones, in bounded memory.
//
// The size of a picture is read from its header before anything is decoded: what
// its decoding would take is asked of a budget that all decodings share, and a
// picture that would never fit has no preview. So has whatever is damaged, or of
// a type that is not known here.
package thumbnail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"strings"
	"time"

	"golang.org/x/image/bmp"
	scale "golang.org/x/image/draw"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"
)

// ErrNoPreview says that there will never be a thumbnail of these bytes.
var ErrNoPreview = errors.New("thumbnail: no preview")

// The bounds. What a Maker takes at once stays below 64 MB.
const (
	maxMemory = 56 << 20 // bytes that decoding and scaling take together
	maxAtOnce = 2        // decodings
	maxFile   = 40 << 20 // bytes of a picture as it is stored
	maxStep   = 1024     // pixels of the longer side after the first step of scaling
	tidyFrom  = 8 << 20  // bytes from which what was taken is collected at once

	// maxTime is how long a picture is read: a small file can keep a decoder busy
	// for hours, with thousands of scans of one picture.
	maxTime = 2 * time.Minute
)

// MaxSize is the length of a thumbnail's longer side at the most, in pixels.
const MaxSize = 512

// Thumbnail is a picture that is small, encoded.
type Thumbnail struct {
	Type string // image/jpeg, or image/png where there is transparency
	Body []byte
}

// Maker makes thumbnails, a few at once. Its methods may be called from anywhere.
type Maker struct {
	places *semaphore.Weighted // decodings
	memory *semaphore.Weighted // bytes that they take
}

// New returns a Maker.
func New() *Maker {
	return &Maker{places: semaphore.NewWeighted(maxAtOnce), memory: semaphore.NewWeighted(maxMemory)}
}

// Possible tells whether a picture of that media type and size in bytes may have
// a thumbnail.
func Possible(mediaType string, size int64) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	switch base {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp":
		return size <= maxFile
	}
	return false
}

// Make makes a thumbnail of the picture in r whose longer side has size pixels,
// or those of the picture where that is smaller. It reads r from its beginning,
// more than once, and waits while others decode. Errors: [ErrNoPreview], and
// those of r and ctx.
func (m *Maker) Make(ctx context.Context, r io.ReadSeeker, size int) (Thumbnail, error) {
	in := &source{ReadSeeker: r, ctx: ctx}
	p, err := inspect(in)
	if err != nil {
		return Thumbnail{}, in.explain(err)
	}
	cost := p.memory(size)
	if cost > maxMemory {
		return Thumbnail{}, fmt.Errorf("%w: %d x %d pixels are too many to decode here", ErrNoPreview, p.Width, p.Height)
	}
	if err := m.acquire(ctx, cost); err != nil {
		return Thumbnail{}, err
	}
	defer m.release(cost)
	in.until = time.Now().Add(maxTime)
	small, err := p.decodeSmall(in, size)
	if err != nil {
		return Thumbnail{}, in.explain(err)
	}
	return encode(turn(small, p.orientation))
}

func (m *Maker) acquire(ctx context.Context, cost int64) error {
	if err := m.places.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := m.memory.Acquire(ctx, cost); err != nil {
		m.places.Release(1)
		return err
	}
	return nil
}

// release collects the memory of a large picture before another one takes its
// place: left to itself, the collector would let several lie about.
func (m *Maker) release(cost int64) {
	if cost >= tidyFrom {
		runtime.GC()
	}
	m.memory.Release(cost)
	m.places.Release(1)
}

// source tells the errors of the reader from those of the decoder, and ends what
// takes too long.
type source struct {
	io.ReadSeeker
	ctx   context.Context
	until time.Time // zero: no limit
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err == nil && !s.until.IsZero() && time.Now().After(s.until) {
		s.err = fmt.Errorf("%w: decoding takes longer than %v", ErrNoPreview, maxTime)
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) rewind() error {
	_, err := s.Seek(0, io.SeekStart)
	s.err = errors.Join(s.err, err)
	return err
}

// explain is the reader's error, or else that the bytes are not what they seem.
func (s *source) explain(err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, ErrNoPreview):
		return err
	}
	return fmt.Errorf("%w: %w", ErrNoPreview, err)
}

// decodeSmall decodes the picture and scales it down. Large ones are reduced in
// two steps: the better way takes memory for every row of what it is given.
func (p picture) decodeSmall(in *source, size int) (_ *image.RGBA, err error) {
	defer func() { // the decoders are fed with anything
		if reason := recover(); reason != nil {
			err = fmt.Errorf("decoding panicked: %v", reason)
		}
	}()
	if err := in.rewind(); err != nil {
		return nil, err
	}
	img, err := decoders[p.format](in)
	if err != nil {
		return nil, err
	}
	b := img.Bounds()
	if b.Dx() > p.Width || b.Dy() > p.Height || b.Empty() {
		return nil, fmt.Errorf("the picture has %v instead of %d x %d pixels", b, p.Width, p.Height)
	}
	to := fit(b.Dx(), b.Dy(), size)
	if half := fit(b.Dx(), b.Dy(), min(4*size, maxStep)); half.Dx() < b.Dx() || half.Dy() < b.Dy() {
		step := image.NewRGBA(half)
		scale.ApproxBiLinear.Scale(step, half, img, b, draw.Src, nil)
		img, b = step, half
	}
	small := image.NewRGBA(to)
	scale.BiLinear.Scale(small, to, img, b, draw.Src, nil)
	return small, nil
}

var decoders = map[string]func(io.Reader) (image.Image, error){
	"jpeg": jpeg.Decode, "png": png.Decode, "gif": gif.Decode, "webp": webp.Decode, "bmp": bmp.Decode,
}

// fit is the largest rectangle of the same shape whose sides are at most size;
// never larger than it was.
func fit(width, height, size int) image.Rectangle {
	long := max(width, height)
	if long <= size {
		return image.Rect(0, 0, width, height)
	}
	scaled := func(side int) int { return max(1, (side*size+long/2)/long) }
	return image.Rect(0, 0, scaled(width), scaled(height))
}

func encode(img *image.RGBA) (Thumbnail, error) {
	const quality = 80
	var b bytes.Buffer
	if img.Opaque() {
		err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
		return Thumbnail{Type: "image/jpeg", Body: b.Bytes()}, err
	}
	err := png.Encode(&b, img)
	return Thumbnail{Type: "image/png", Body: b.Bytes()}, err
}

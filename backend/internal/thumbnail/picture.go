package thumbnail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

// picture is what the header of a picture says.
type picture struct {
	image.Config
	format      string
	layers      int64 // bytes for each pixel while it is decoded, in quarters
	orientation int   // of Exif, 1 to 8; 1 is upright
}

// headBytes is how much of a file tells its format and how it is laid out.
const headBytes = 32

// inspect reads the header, and nothing else.
func inspect(in *source) (picture, error) {
	if err := in.rewind(); err != nil {
		return picture{}, err
	}
	buffered := bufio.NewReader(in)
	head, err := buffered.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return picture{}, err
	}
	p := picture{format: formatOf(head), orientation: 1}
	read := configs[p.format]
	if read == nil {
		return p, fmt.Errorf("%w: the bytes are no picture of a known type", ErrNoPreview)
	}
	if p.Config, err = read(buffered); err != nil {
		return p, err
	}
	if p.Width <= 0 || p.Height <= 0 {
		return p, fmt.Errorf("%w: a picture of %d x %d pixels", ErrNoPreview, p.Width, p.Height)
	}
	switch p.format {
	case "jpeg":
		return p, p.inspectJPEG(in)
	case "png":
		p.layers = 4 * bytesOf(p.ColorModel)
		if len(head) > pngInterlace && head[pngInterlace] != 0 {
			p.layers *= 2 // its passes are pictures of their own
		}
	case "webp":
		p.layers = 4 * 8
		if string(head[12:16]) == "VP8 " {
			p.layers = 4 * 2
		}
	default:
		p.layers = 4 * bytesOf(p.ColorModel)
	}
	return p, nil
}

// pngInterlace is where a PNG says whether it is interlaced.
const pngInterlace = 28

var configs = map[string]func(io.Reader) (image.Config, error){
	"jpeg": jpeg.DecodeConfig, "png": png.DecodeConfig, "gif": gif.DecodeConfig, "webp": webp.DecodeConfig, "bmp": bmp.DecodeConfig,
}

func formatOf(head []byte) string {
	begins := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case begins("\xff\xd8"):
		return "jpeg"
	case begins("\x89PNG\r\n\x1a\n"):
		return "png"
	case begins("GIF8"):
		return "gif"
	case begins("RIFF") && len(head) >= 16 && string(head[8:12]) == "WEBP":
		return "webp"
	case begins("BM"):
		return "bmp"
	}
	return ""
}

// bytesOf is how many bytes a decoded pixel takes.
func bytesOf(m color.Model) int64 {
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	return 4
}

// memory is how many bytes it takes to decode the picture and to scale it to size.
func (p picture) memory(size int) int64 {
	const (
		edge    = 16 // decoders work in blocks
		channel = 8  // bytes, while it is scaled
	)
	decoded := (int64(p.Width) + edge) * (int64(p.Height) + edge) * p.layers / 4
	step, to := fit(p.Width, p.Height, min(4*size, maxStep)), fit(p.Width, p.Height, size)
	return decoded + int64(step.Dx()*step.Dy())*4 + int64(step.Dy()*to.Dx())*4*channel
}

// The markers of a JPEG file that matter here.
const (
	jpegSOF0 = 0xc0 // baseline
	jpegSOF2 = 0xc2 // progressive
	jpegSOS  = 0xda // the picture's data begin
	jpegAPP1 = 0xe1 // Exif
)

// inspectJPEG finds out how many samples there are for each pixel, whether all of
// them are kept as coefficients (in progressive files, 4 bytes each), and which
// way up the picture is.
func (p *picture) inspectJPEG(in *source) error {
	if err := in.rewind(); err != nil {
		return err
	}
	r := bufio.NewReader(in)
	if _, err := r.Discard(2); err != nil {
		return err
	}
	for {
		marker, err := nextMarker(r)
		if err != nil {
			return err
		}
		if marker == jpegSOS {
			return nil
		}
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return err
		}
		body := make([]byte, max(0, int(binary.BigEndian.Uint16(length[:]))-2))
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		switch {
		case marker >= jpegSOF0 && marker <= jpegSOF2:
			p.layers = jpegLayers(body, marker == jpegSOF2)
			return nil // Exif comes before it
		case marker == jpegAPP1:
			p.orientation = exifOrientation(body)
		}
	}
}

func nextMarker(r *bufio.Reader) (byte, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != 0xff {
			continue
		}
		for c == 0xff {
			if c, err = r.ReadByte(); err != nil {
				return 0, err
			}
		}
		if c != 0 {
			return c, nil
		}
	}
}

// jpegLayers is how many quarters of a byte a pixel takes.
func jpegLayers(frame []byte, progressive bool) int64 {
	const whole = 4
	if len(frame) < 6 {
		return 8 * whole
	}
	n := int(frame[5])
	var samples, most int64
	for i := range n {
		at := 6 + 3*i + 1
		if at >= len(frame) {
			break
		}
		area := int64(frame[at]>>4) * int64(frame[at]&15)
		samples += area
		most = max(most, area)
	}
	if most == 0 {
		return 8 * whole
	}
	layers := (samples*whole + most - 1) / most
	if progressive {
		layers *= 5
	}
	if n != 1 {
		if n == 4 { // CMYK is put together from its parts
			layers += 5 * whole
		} else if layers > 2*whole {
			layers += whole // RGB may be, too
		}
	}
	return layers
}

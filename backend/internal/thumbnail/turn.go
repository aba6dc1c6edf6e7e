package thumbnail

import (
	"encoding/binary"
	"image"
)

// exifOrientation returns the orientation that an APP1 segment gives, 1 to 8;
// 1 where it gives none.
func exifOrientation(segment []byte) int {
	const upright, tagOrientation, typeShort = 1, 0x0112, 3
	const entry = 12 // bytes: tag, type, count, value
	if len(segment) < 14 || string(segment[:6]) != "Exif\x00\x00" {
		return upright
	}
	tiff := segment[6:]
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	for n := order.Uint16(tiff[at:]); n > 0; n-- {
		e := at + 2
		if e+entry > int64(len(tiff)) {
			return upright
		}
		if order.Uint16(tiff[e:]) == tagOrientation && order.Uint16(tiff[e+2:]) == typeShort {
			if o := int(order.Uint16(tiff[e+8:])); o >= 1 && o <= 8 {
				return o
			}
			return upright
		}
		at += entry
	}
	return upright
}

// turn puts a picture of that orientation upright.
func turn(img *image.RGBA, orientation int) *image.RGBA {
	if orientation <= 1 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	to := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		to = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(to)
	for y := range to.Dy() {
		for x := range to.Dx() {
			fx, fy := origin(x, y, w, h, orientation)
			out.SetRGBA(x, y, img.RGBAAt(fx, fy))
		}
	}
	return out
}

// origin is where the pixel that belongs at x, y stands in a picture of w x h
// pixels with that orientation.
func origin(x, y, w, h, orientation int) (int, int) {
	switch orientation {
	case 2: // mirrored
		return w - 1 - x, y
	case 3: // upside down
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6: // to be turned right
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8: // to be turned left
		return w - 1 - y, x
	}
	return x, y
}

package e2e

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"testing"
)

// tone returns a second of sound as a WAV file.
func tone() []byte {
	const rate = 8000
	var b bytes.Buffer
	put := func(parts ...any) {
		for _, p := range parts {
			_ = binary.Write(&b, binary.LittleEndian, p) // a bytes.Buffer does not fail
		}
	}
	put([]byte("RIFF"), uint32(36+2*rate), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1))
	put(uint32(rate), uint32(2*rate), uint16(2), uint16(16), []byte("data"), uint32(2*rate))
	for i := range rate {
		put(int16(i % 40 * 200))
	}
	return b.Bytes()
}

// Sound plays in its page, and in the browser's own viewer, which fetches it
// again from where it is.
func TestSoundPlaysInItsPageAndByItself(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/tone.wav", bytes.NewReader(tone()), http.StatusCreated)
	p := openPage(t)
	p.open(s.url + "/object?key=tone.wav")
	p.until(`document.querySelector('#preview-audio')?.duration === 1`)
	p.until(`['hit', 'collapsed', 'miss'].includes(document.querySelector('#provenance')?.dataset.source)`)
	p.open(s.url + "/objects/tone.wav")
	p.until(`document.querySelector('video, audio')?.duration === 1`)
}

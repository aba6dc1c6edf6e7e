package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// verified reads a blob that is too large for memory. When it is read whole,
// from its beginning, its last bytes are given out only if the hash of all is
// right; so whoever got them all got what was stored.
type verified struct {
	io.ReadSeekCloser // the blob
	size              int64
	id                string                // the hash to expect
	damaged           func(how error) error // reports a damaged blob

	sum    hash.Hash
	at     int64 // place of the next Read
	summed int64 // bytes in sum
	err    error // what ended the reading, other than the end
}

func (v *verified) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.ReadSeekCloser.Read(p)
	if v.summed == v.at {
		v.sum.Write(p[:n])
		v.summed += int64(n)
	}
	v.at += int64(n)
	if n > 0 && v.at == v.size && v.summed == v.size && hex.EncodeToString(v.sum.Sum(nil)) != v.id {
		v.err = v.damaged(errors.New("its bytes do not have its hash"))
		return 0, v.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		v.err = err
	}
	return n, err
}

// Seek moves the place of the next Read; to the beginning, all begins anew.
func (v *verified) Seek(offset int64, whence int) (int64, error) {
	at, err := v.ReadSeekCloser.Seek(offset, whence)
	v.at = at
	if at == 0 {
		v.sum, v.summed = sha256.New(), 0
	}
	return at, err
}

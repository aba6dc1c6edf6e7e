package storage

import (
	"errors"
	"io"
)

// verified reads a blob that is too large for memory. When it is read whole,
// from its beginning, its last bytes are given out only if all of them are right;
// so whoever got them all got what was stored.
type verified struct {
	io.ReadSeekCloser // the blob
	row               Object
	damaged           func(how error) error // reports a damaged blob
	whole             func(checksum string) // is told of one that is not

	proof  proof
	at     int64 // place of the next Read
	proved int64 // bytes in proof
	err    error // what ended the reading, other than the end
}

func (v *verified) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.ReadSeekCloser.Read(p)
	if v.proved == v.at {
		_, _ = v.proof.Write(p[:n])
		v.proved += int64(n)
	}
	v.at += int64(n)
	if n > 0 && v.at == v.row.Size && v.proved == v.row.Size {
		if v.err = v.check(); v.err != nil {
			return 0, v.err
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		v.err = err
	}
	return n, err
}

// check fails when what was read is not what was stored.
func (v *verified) check() error {
	checksum, err := v.proof.check(v.row, v.ReadSeekCloser)
	if err != nil {
		return v.damaged(err)
	}
	v.whole(checksum)
	return nil
}

// Seek moves the place of the next Read; to the beginning, all begins anew.
func (v *verified) Seek(offset int64, whence int) (int64, error) {
	at, err := v.ReadSeekCloser.Seek(offset, whence)
	v.at = at
	if at == 0 {
		v.proof, v.proved = prove(v.row), 0
	}
	return at, err
}

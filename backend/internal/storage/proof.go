package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/cespare/xxhash/v2"
)

// What is read is checked by the checksum in its row, which takes a processor
// without instructions for SHA-256 a twentieth of the time. The hash, which is
// the blob's address, has the last word: it is asked where a row has no checksum
// yet, and before a blob is called damaged.

// proofBytes are read and checked at a time, while they are in the processor's cache.
const proofBytes = 128 << 10

var errDamaged = errors.New("its bytes do not have its hash")

// proof are the checksum and the hash of the bytes that a blob gave.
type proof struct {
	checksum *xxhash.Digest
	hash     hash.Hash // nil where the checksum will do
}

// prove begins to check the bytes of row.
func prove(row Object) proof {
	p := proof{checksum: xxhash.New()}
	if row.Checksum == "" {
		p.hash = sha256.New()
	}
	return p
}

// Write adds bytes; it never fails.
func (p proof) Write(b []byte) (int, error) {
	if p.hash != nil {
		p.hash.Write(b)
	}
	return p.checksum.Write(b)
}

// check fails unless the bytes were all those of row; it returns their checksum.
// Where that is not the row's, the hash of all that blob has decides.
func (p proof) check(row Object, blob io.ReadSeeker) (string, error) {
	found := hexOf(p.checksum)
	if found == row.Checksum {
		return found, nil
	}
	again := p
	if p.hash == nil {
		again = prove(Object{})
		if err := again.readAll(blob); err != nil {
			return "", err
		}
	}
	// What blob has now is not what it gave before, unless the checksums agree.
	if hexOf(again.hash) != row.Blob || hexOf(again.checksum) != found {
		return "", errDamaged
	}
	return found, nil
}

// readAll adds all that blob has, and goes back to where that was.
func (p proof) readAll(blob io.ReadSeeker) error {
	at, err := blob.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = blob.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = io.Copy(p, blob)
	}
	if err == nil {
		_, err = blob.Seek(at, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("read it once more: %w", err)
	}
	return nil
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

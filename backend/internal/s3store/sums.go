package s3store

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/cespare/xxhash/v2"
)

// sums are the hash and the checksum of what has come in.
type sums struct {
	hash     hash.Hash
	checksum *xxhash.Digest
}

func newSums() sums { return sums{sha256.New(), xxhash.New()} }

func (s sums) add(b []byte) {
	s.hash.Write(b)
	_, _ = s.checksum.Write(b)
}

func (s sums) id() string { return hex.EncodeToString(s.hash.Sum(nil)) }

func (s sums) checksumText() string { return hex.EncodeToString(s.checksum.Sum(nil)) }

// state is what another process needs to go on.
func (s sums) state() (hash, checksum []byte, err error) {
	if hash, err = s.hash.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return nil, nil, fmt.Errorf("keep the state of the hash: %w", err)
	}
	if checksum, err = s.checksum.MarshalBinary(); err != nil {
		return nil, nil, fmt.Errorf("keep the state of the checksum: %w", err)
	}
	return hash, checksum, nil
}

// goOn makes them what they were.
func (s sums) goOn(hash, checksum []byte) error {
	if err := s.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(hash); err != nil {
		return fmt.Errorf("go on with the hash: %w", err)
	}
	if err := s.checksum.UnmarshalBinary(checksum); err != nil {
		return fmt.Errorf("go on with the checksum: %w", err)
	}
	return nil
}

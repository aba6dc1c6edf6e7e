package api

import (
	"encoding/binary"
	"fmt"
)

// An upload goes: upload.start, chunks as far as the credit reaches, more
// credit in "upload" notifications as the server has taken what came, and
// upload.finish, whose reply means that the object is stored for good.
//
// After a lost connection, upload.start with the same Upload (and key and size)
// answers the offset from which to go on, which may be before what has been sent:
// another server goes on from what is stored, or from 0. An upload that nobody
// resumes is dropped.
//
// A client that may be gone before it hears the outcome, such as a page that is
// closed, asks with Remember: for a day, upload.start then answers that all bytes
// have arrived, and upload.finish with the object, and nothing is stored again.

// UploadStart begins an upload, or resumes the one called Upload.
type UploadStart struct {
	Upload   string `json:"upload"` // chosen by the client: 32 random hexadecimal digits
	Key      string `json:"key"`
	Size     int64  `json:"size"` // bytes, exactly
	Remember bool   `json:"remember,omitempty"`
	Condition
}

// Condition is what must be so for a change to be made; else it fails with
// [PreconditionFailed]. The zero value is no condition.
type Condition struct {
	IfMatch string `json:"ifMatch,omitempty"` // the ETag that the object must have
	IfNew   bool   `json:"ifNew,omitempty"`   // there must be no object with the key
}

// UploadRef names an upload.
type UploadRef struct {
	Upload string `json:"upload"`
}

// UploadState is how far the server is and how far the client may send.
type UploadState struct {
	Upload string `json:"upload"`
	Offset int64  `json:"offset"`          // every byte before it has arrived
	Credit int64  `json:"credit"`          // send no byte at or after this offset
	Error  *Error `json:"error,omitempty"` // the upload has failed and is gone
}

// ChunkHeaderBytes is the length of a chunk's header: the upload's 16 random
// bytes, then the offset of the data as 8 bytes, big-endian.
const ChunkHeaderBytes = 24

// ChunkBytes is the length of the data in a full chunk.
const ChunkBytes = 256 << 10

// AppendChunkHeader appends the header of the chunk of upload at offset.
func AppendChunkHeader(b []byte, upload string, offset int64) ([]byte, error) {
	id, err := uploadID(upload)
	if err != nil {
		return b, err
	}
	return binary.BigEndian.AppendUint64(append(b, id[:]...), uint64(offset)), nil
}

// ParseChunk splits a binary message into its upload, offset and data.
func ParseChunk(message []byte) (upload string, offset int64, data []byte, err error) {
	if len(message) < ChunkHeaderBytes {
		return "", 0, nil, Errorf(Invalid, "a binary message of %d bytes is too short: an upload chunk has a header of %d bytes", len(message), ChunkHeaderBytes)
	}
	offset = int64(binary.BigEndian.Uint64(message[16:]))
	if offset < 0 {
		return "", 0, nil, Errorf(Invalid, "the chunk's offset %d is negative", offset)
	}
	return fmt.Sprintf("%x", message[:16]), offset, message[ChunkHeaderBytes:], nil
}

func uploadID(upload string) (id [16]byte, err error) {
	if len(upload) != 32 {
		return id, Errorf(Invalid, "the upload %q is not 32 hexadecimal digits", upload)
	}
	for i := range id {
		hi, lo := unhex(upload[2*i]), unhex(upload[2*i+1])
		if hi < 0 || lo < 0 {
			return id, Errorf(Invalid, "the upload %q is not 32 lower-case hexadecimal digits", upload)
		}
		id[i] = byte(hi<<4 | lo)
	}
	return id, nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

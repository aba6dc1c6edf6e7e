package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"

	"memcache/shared/api"
)

// A cached value is a header and the object's bytes. The header is
//
//	format (1 byte) · length of the header (4) · CRC-32C of what follows (4) ·
//	size, created, modified, version (8 each) · key, type, ETag (length in 2, then the bytes)
//
// with all numbers big-endian. It carries the key, so that a value that came
// back for the wrong key, for whatever reason, is never served.
const (
	headerFormat = 1
	headerFixed  = 1 + 4 + 4 + 4*8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errHeader = errors.New("the cached value has no valid header for this key")

// encodeHeader returns the header of o's cached value.
func encodeHeader(o api.Object) []byte {
	size := headerFixed + 3*2 + len(o.Key) + len(o.Type) + len(o.ETag)
	b := make([]byte, 9, size)
	b[0] = headerFormat
	binary.BigEndian.PutUint32(b[1:], uint32(size))
	for _, n := range []int64{o.Size, o.Created, o.Modified, o.Version} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, s := range []string{o.Key, o.Type, o.ETag} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	binary.BigEndian.PutUint32(b[5:], crc32.Checksum(b[9:], castagnoli))
	return b
}

// decodeValue splits a cached value of key into the object and its bytes.
func decodeValue(key string, value []byte) (api.Object, []byte, error) {
	o, body, err := decodeHead(value)
	if err == nil && (o.Key != key || o.Size != int64(len(body))) {
		err = errHeader
	}
	if err != nil {
		return api.Object{}, nil, err
	}
	return o, body, nil
}

// Recognize returns the object whose value is cached under ck and begins with
// head. Other values than those of objects are not recognized, nor is a head that is
// too short.
func Recognize(ck string, head []byte) (api.Object, bool) {
	o, _, err := decodeHead(head)
	text, _, ok := strings.Cut(strings.TrimPrefix(ck, "g"), ":")
	epoch, numErr := strconv.ParseInt(text, 10, 64)
	if err != nil || !ok || numErr != nil || cacheKey(epoch, hashOf(o.Key)) != ck {
		return api.Object{}, false
	}
	return o, true
}

// decodeHead reads the header of a cached value, and returns what follows.
func decodeHead(value []byte) (api.Object, []byte, error) {
	if len(value) < headerFixed || value[0] != headerFormat {
		return api.Object{}, nil, errHeader
	}
	size := int(binary.BigEndian.Uint32(value[1:]))
	if size < headerFixed || size > len(value) {
		return api.Object{}, nil, errHeader
	}
	head, body := value[9:size], value[size:]
	if crc32.Checksum(head, castagnoli) != binary.BigEndian.Uint32(value[5:]) {
		return api.Object{}, nil, errHeader
	}
	var o api.Object
	for _, n := range []*int64{&o.Size, &o.Created, &o.Modified, &o.Version} {
		*n = int64(binary.BigEndian.Uint64(head))
		head = head[8:]
	}
	texts := string(head) // one for all of them
	for _, s := range []*string{&o.Key, &o.Type, &o.ETag} {
		var ok bool
		if *s, texts, ok = cutString(texts); !ok {
			return api.Object{}, nil, errHeader
		}
	}
	if texts != "" {
		return api.Object{}, nil, errHeader
	}
	return o, body, nil
}

// cutString takes one string with its length before it off b.
func cutString(b string) (s, rest string, ok bool) {
	if len(b) < 2 {
		return "", "", false
	}
	n := int(b[0])<<8 | int(b[1])
	if len(b) < 2+n {
		return "", "", false
	}
	return b[2 : 2+n], b[2+n:], true
}

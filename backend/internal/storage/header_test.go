package storage

import (
	"bytes"
	"strings"
	"testing"

	"memcache/shared/api"
)

var sample = api.Object{
	Key: "a/b 😀", Size: 5, Type: "text/plain; charset=utf-8", ETag: `"0123456789abcdef0123456789abcdef"`,
	Created: 1700000000123, Modified: 1700000001234, Version: 7,
}

func TestHeaderRoundTrip(t *testing.T) {
	long := sample
	long.Key, long.Size = strings.Repeat("k", api.MaxKeyBytes), 0
	for _, o := range []api.Object{sample, long} {
		body := bytes.Repeat([]byte("b"), int(o.Size))
		got, b, err := decodeValue(o.Key, append(encodeHeader(o), body...))
		if err != nil || got != o || !bytes.Equal(b, body) {
			t.Errorf("decoded %+v, %q, %v", got, b, err)
		}
	}
}

// TestDamagedHeader: whichever byte of the header is wrong or missing, and
// whatever the key asked for, nothing is taken from it.
func TestDamagedHeader(t *testing.T) {
	good := append(encodeHeader(sample), "body!"...)
	head := len(good) - 5
	for i := range head {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, _, err := decodeValue(sample.Key, bad); err == nil {
				t.Fatalf("bit %d of byte %d was not missed", bit, i)
			}
		}
	}
	for n := range good {
		if _, _, err := decodeValue(sample.Key, good[:n]); err == nil {
			t.Fatalf("a value cut to %d bytes was taken", n)
		}
	}
	if _, _, err := decodeValue(sample.Key, append(good, 'x')); err == nil {
		t.Error("a value with a byte more was taken")
	}
	if _, _, err := decodeValue("another", good); err == nil {
		t.Error("the value of another key was taken")
	}
}

func FuzzDecodeValue(f *testing.F) {
	f.Add(append(encodeHeader(sample), "body!"...))
	f.Add([]byte{headerFormat})
	f.Fuzz(func(t *testing.T, value []byte) {
		o, body, err := decodeValue(sample.Key, value)
		if err == nil && (o.Key != sample.Key || o.Size != int64(len(body))) {
			t.Errorf("%+v with %d bytes", o, len(body))
		}
	})
}

// TestObjectsAreRecognizedByTheBeginningOfTheirValue, and nothing else is.
func TestObjectsAreRecognizedByTheBeginningOfTheirValue(t *testing.T) {
	o := api.Object{Key: strings.Repeat("ü", 512), Size: 5 << 20, Type: "text/plain; charset=utf-8", ETag: `"0123456789abcdef0123456789abcdef"`}
	head := encodeHeader(o)
	if len(head) > 1280 {
		t.Errorf("the header of a longest key has %d bytes: the cache tells 1280", len(head))
	}
	ck := cacheKey(12, hashOf(o.Key))
	if got, ok := Recognize(ck, append(head, "some bytes"...)); !ok || got != o {
		t.Errorf("got %+v, %v", got, ok)
	}
	for name, c := range map[string]struct {
		ck   string
		head []byte
	}{
		"another key":  {cacheKey(12, hashOf("other")), head},
		"no key of us": {"plain", head}, "cut": {ck, head[:len(head)-1]}, "empty": {ck, nil}, "text": {ck, []byte("hello, this is not a header at all, but long enough")},
	} {
		if got, ok := Recognize(c.ck, c.head); ok {
			t.Errorf("%s is recognized as %+v", name, got)
		}
	}
}

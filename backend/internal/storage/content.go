package storage

import (
	"bytes"
	"io"
	"time"

	"memcache/shared/api"
)

// Source says where a content came from.
type Source int

// The sources.
const (
	Bypass    Source = iota // the blob, without the cache
	Miss                    // the blob; it goes into the cache now
	Hit                     // the cache
	Collapsed               // the cache, after waiting for another reader's fill
)

func (s Source) String() string {
	return [...]string{"bypass", "miss", "hit", "collapsed"}[s]
}

// Steps are how long each step of an Open took; 0 when it was not taken.
type Steps struct {
	Cache    time.Duration // asking the cache, with waiting for another's fill
	Database time.Duration // reading the row
	Blob     time.Duration // opening the blob, or reading it whole
}

// Content is an object opened for reading. It must be closed; its bytes are
// not valid afterwards.
type Content struct {
	Object api.Object
	Source Source
	Detail string // why the cache did not serve it, in a few words; "" on a hit or plain miss
	Steps  Steps

	body  io.ReadSeeker
	bytes []byte
	close func() error
}

// Bytes returns the whole content when it is in memory, nil when it is a file.
func (c *Content) Bytes() []byte { return c.bytes }

// Body returns the reader that Read and Seek use: an *os.File of a local blob,
// so that the kernel can copy from it, or a *bytes.Reader.
func (c *Content) Body() io.ReadSeeker { return c.body }

func (c *Content) Read(p []byte) (int, error) { return c.body.Read(p) }

// Seek moves the place of the next Read.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	return c.body.Seek(offset, whence)
}

// Close gives back what the content holds; only the first call counts.
func (c *Content) Close() error {
	if c.close == nil {
		return nil
	}
	end := c.close
	c.close, c.bytes, c.body = nil, nil, bytes.NewReader(nil)
	return end()
}

// setBytes makes b the content.
func (c *Content) setBytes(b []byte, release func()) {
	c.bytes, c.body = b, bytes.NewReader(b)
	c.close = func() error {
		release()
		return nil
	}
}

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

// Sources is how many there are.
const Sources = int(Collapsed) + 1

func (s Source) String() string {
	return [...]string{"bypass", "miss", "hit", "collapsed"}[s]
}

// Steps are how long each step of an Open took; 0 when it was not taken.
type Steps struct {
	Cache    time.Duration // asking the cache, with waiting for another's fill
	Database time.Duration // reading the row
	Blob     time.Duration // opening the blob, or reading it whole
}

// Total is how long all of them took.
func (s Steps) Total() time.Duration { return s.Cache + s.Database + s.Blob }

// Content is an object opened for reading. It must be closed; its bytes are
// not valid afterwards.
type Content struct {
	Object api.Object
	Source Source
	Detail string // why the cache did not serve it, in a few words; "" on a hit or plain miss
	Steps  Steps

	bytes   []byte
	body    *bytes.Reader // of bytes; nil until it is asked for
	release func()        // gives bytes back
	file    *verified     // instead of bytes
}

// Bytes returns the whole content when it is in memory, nil when it is a file.
func (c *Content) Bytes() []byte { return c.bytes }

// Body returns what the content is read from, to read a part of it: what Blobs gave,
// so that the kernel can copy from a local file, or a *bytes.Reader. It is not
// verified; see Read.
func (c *Content) Body() io.ReadSeeker {
	if c.file != nil {
		return c.file.ReadSeekCloser
	}
	return c.memory()
}

func (c *Content) memory() *bytes.Reader {
	if c.body == nil {
		c.body = bytes.NewReader(c.bytes)
	}
	return c.body
}

// Read reads the content. Of a file, it fails in the place of the last bytes
// with Internal when all of them together are not what was stored.
func (c *Content) Read(p []byte) (int, error) {
	if c.file != nil {
		return c.file.Read(p)
	}
	return c.memory().Read(p)
}

// Seek moves the place of the next Read.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	if c.file != nil {
		return c.file.Seek(offset, whence)
	}
	return c.memory().Seek(offset, whence)
}

// Err returns the error that Read has met, if any. Who copies a content by way
// of others, who may keep that to themselves, asks for it afterwards.
func (c *Content) Err() error {
	if c.file != nil {
		return c.file.err
	}
	return nil
}

// Close gives back what the content holds; only the first call counts.
func (c *Content) Close() error {
	release, file := c.release, c.file
	c.release, c.file, c.bytes, c.body = nil, nil, nil, nil
	if release != nil {
		release()
	}
	if file != nil {
		return file.Close()
	}
	return nil
}

// setBytes makes b the content.
func (c *Content) setBytes(b []byte, release func()) { c.bytes, c.release = b, release }

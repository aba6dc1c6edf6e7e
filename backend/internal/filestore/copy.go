package filestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// The memory that a write takes, whatever the blob's size: pieces of so many
// bytes, and so many of them.
const (
	pieceBytes = 128 << 10
	maxPieces  = 4
)

type piece [pieceBytes]byte

var spare = sync.Pool{New: func() any { return new(piece) }}

// copying is the way of one blob's bytes into its file. What does not fit one
// piece is hashed by a goroutine of its own, while it is written and the next
// pieces come in: that takes about as long as all the rest.
type copying struct {
	hash     hash.Hash
	checksum *xxhash.Digest

	pieces int         // taken from spare
	idle   chan *piece // those to be filled anew
	full   chan part   // what is to be hashed; nil until there is a goroutine for it
	hashed sync.WaitGroup
}

// part is what a piece has.
type part struct {
	piece *piece
	n     int
}

func newCopying() *copying {
	return &copying{hash: sha256.New(), checksum: xxhash.New(), idle: make(chan *piece, maxPieces)}
}

// copy copies r to f until r ends or ctx does.
func (c *copying) copy(ctx context.Context, f io.Writer, r io.Reader) (size int64, err error) {
	for {
		p := c.empty()
		n, err := p.fill(ctx, r)
		if err != nil && err != io.EOF {
			c.idle <- p
			return size, err
		}
		more := err == nil
		c.add(part{p, n}, more)
		if n == 0 {
			return size, nil
		}
		if _, err := f.Write(p[:n]); err != nil {
			return size, diskError(fmt.Errorf("write a temporary file: %w", err))
		}
		size += int64(n)
		if !more {
			return size, nil
		}
	}
}

// fill reads r until p is full. It fails with [io.EOF] at r's end.
func (p *piece) fill(ctx context.Context, r io.Reader) (n int, err error) {
	for n < len(p) && err == nil {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// empty returns a piece to be filled; where there are enough of them, one that
// has been hashed.
func (c *copying) empty() *piece {
	if c.pieces < maxPieces && len(c.idle) == 0 {
		c.pieces++
		return spare.Get().(*piece)
	}
	return <-c.idle
}

// add has a part hashed: here, if it is the only one.
func (c *copying) add(p part, more bool) {
	if c.full == nil && !more {
		c.hashPart(p)
		return
	}
	if c.full == nil {
		c.full = make(chan part, maxPieces)
		c.hashed.Go(func() {
			for p := range c.full {
				c.hashPart(p)
			}
		})
	}
	c.full <- p
}

func (c *copying) hashPart(p part) {
	c.hash.Write(p.piece[:p.n])
	_, _ = c.checksum.Write(p.piece[:p.n])
	c.idle <- p.piece
}

// sums waits for the hash and the checksum of all.
func (c *copying) sums() (id, checksum string) {
	c.wait()
	return hex.EncodeToString(c.hash.Sum(nil)), hex.EncodeToString(c.checksum.Sum(nil))
}

func (c *copying) wait() {
	if c.full != nil {
		close(c.full)
		c.hashed.Wait()
		c.full = nil
	}
}

// end gives the memory back.
func (c *copying) end() {
	c.wait()
	for range c.pieces {
		spare.Put(<-c.idle)
	}
}

package memproto

import (
	"encoding/base64"
	"math"
)

// metaFlags are the flags of all meta commands. As in memcached, one that means
// nothing to the command at hand is no error. P and L are hints for proxies.
const metaFlags = "bcfhklqstuvxCDEFIJLMNOPRT"

var knownFlags = func() (bits uint64) {
	for i := range len(metaFlags) {
		bits |= flagBit(metaFlags[i])
	}
	return bits
}()

// flagBit has one bit for each letter, and none for other characters.
func flagBit(c byte) uint64 {
	if c < 'A' || c > 'z' {
		return 0
	}
	return 1 << (c - 'A')
}

// parseMeta reads <key> <flags>*.
func (r *Request) parseMeta(c Command, rest []byte) *Error {
	r.Command = c
	key, rest, err := NextKey(rest)
	switch {
	case err != nil, len(key) == 0 && c == MetaDebug:
		return errKey
	case len(key) == 0:
		return ErrUnknown
	}
	r.Delta = 1 // of ma, without D
	return r.parseFlags(key, rest)
}

// parseMetaSet reads <key> <datalen> <flags>*.
func (r *Request) parseMetaSet(rest []byte) *Error {
	r.Command = MetaSet
	key, rest := NextToken(rest)
	if len(key) == 0 {
		return ErrUnknown
	}
	size, rest := NextToken(rest)
	var ok bool
	if r.Length, ok = parseLength(size); !ok {
		return errLength
	}
	if !validKey(key) {
		return errKey
	}
	return r.parseFlags(key, rest)
}

func (r *Request) parseFlags(key, rest []byte) *Error {
	for {
		var token []byte
		token, rest = NextToken(rest)
		if len(token) == 0 {
			return r.setMetaKey(key)
		}
		bit := flagBit(token[0])
		if bit&knownFlags == 0 {
			return errMetaFlag
		}
		if r.given&bit != 0 {
			return errDuplicate
		}
		r.given |= bit
		f := Flag{Letter: token[0], Token: token[1:]}
		if err := r.applyFlag(f); err != nil {
			return err
		}
		r.Meta = append(r.Meta, f)
	}
}

func (r *Request) applyFlag(f Flag) *Error {
	ok := true
	switch f.Letter {
	case 'q':
		r.Quiet = true
	case 'b':
		r.Base64 = true
	case 'C':
		r.HasCAS = true
		r.CAS, ok = parseUint(f.Token, math.MaxUint64)
	case 'D':
		r.Delta, ok = parseUint(f.Token, math.MaxUint64)
	case 'E':
		r.NewCAS, ok = parseUint(f.Token, math.MaxUint64)
	case 'F':
		var n uint64
		n, ok = parseUint(f.Token, math.MaxUint32)
		r.Flags = uint32(n)
	case 'J':
		r.Initial, ok = parseUint(f.Token, math.MaxUint64)
	case 'N':
		r.Vivify, ok = parseInt(f.Token)
	case 'R':
		r.Recache, ok = parseInt(f.Token)
	case 'T':
		r.TTL, ok = parseInt(f.Token)
	case 'O':
		if len(f.Token) > MaxOpaque {
			return errOpaque
		}
	case 'M':
		return r.applyMode(f.Token)
	}
	if !ok {
		return errMetaNumber
	}
	return nil
}

// applyMode reads M, which ms and ma take.
func (r *Request) applyMode(token []byte) *Error {
	if len(token) != 1 {
		return errModeLength
	}
	switch r.Command {
	case MetaSet:
		return r.applySetMode(token[0])
	case MetaArithmetic:
		return r.applyDeltaMode(token[0])
	}
	return nil
}

func (r *Request) applySetMode(letter byte) *Error {
	switch letter {
	case 'S':
		r.Mode = ModeSet
	case 'E':
		r.Mode = ModeAdd
	case 'R':
		r.Mode = ModeReplace
	case 'A':
		r.Mode = ModeAppend
	case 'P':
		r.Mode = ModePrepend
	default:
		return errSetMode
	}
	return nil
}

func (r *Request) applyDeltaMode(letter byte) *Error {
	switch letter {
	case 'I', '+':
		r.Decrement = false
	case 'D', '-':
		r.Decrement = true
	default:
		return errDeltaMode
	}
	return nil
}

// setMetaKey is called after the flags, because they may say that the key is in
// base64.
func (r *Request) setMetaKey(key []byte) *Error {
	r.Key, r.RawKey = key, key
	if !r.Base64 {
		return nil
	}
	b, err := base64.StdEncoding.AppendDecode(r.decoded[:0], key)
	r.decoded = b
	if err != nil || len(b) == 0 {
		return errBase64
	}
	r.Key = b
	return nil
}

package memproto

import (
	"encoding/base64"
	"math"
)

// The flags that each meta command takes. P and L are hints for proxies.
const (
	getFlags    = "bcfhklqstuvNORTPL"
	setFlags    = "bckqCFIMOTPL"
	deleteFlags = "bkqCIOTPL"
)

// parseMeta reads <key> <flags>*.
func (r *Request) parseMeta(c Command, rest []byte) *Error {
	r.Command = c
	key, rest := NextToken(rest)
	if len(key) == 0 {
		return ErrUnknown
	}
	known := getFlags
	if c == MetaDelete {
		known = deleteFlags
	}
	return r.parseFlags(key, rest, known)
}

// parseMetaSet reads <key> <datalen> <flags>*.
func (r *Request) parseMetaSet(rest []byte) *Error {
	r.Command = MetaSet
	key, rest := NextToken(rest)
	if len(key) == 0 {
		return ErrUnknown
	}
	size, rest := NextToken(rest)
	length, ok := parseLength(size)
	if !ok {
		return errLength
	}
	r.Length = length
	return r.parseFlags(key, rest, setFlags)
}

func (r *Request) parseFlags(key, rest []byte, known string) *Error {
	var seen [2]uint64 // a bit for each letter
	for {
		var token []byte
		token, rest = NextToken(rest)
		if len(token) == 0 {
			return r.setMetaKey(key)
		}
		c := token[0]
		if !contains(known, c) {
			return errMetaFlag
		}
		if seen[c/64]>>(c%64)&1 != 0 {
			return errDuplicate
		}
		seen[c/64] |= 1 << (c % 64)
		f := Flag{Letter: c, Token: token[1:]}
		if err := r.applyFlag(&f); err != nil {
			return err
		}
		r.Meta = append(r.Meta, f)
	}
}

func (r *Request) applyFlag(f *Flag) *Error {
	ok := true
	switch f.Letter {
	case 'q':
		r.Quiet = true
	case 'b':
		r.Base64 = true
	case 'C':
		r.HasCAS = true
		r.CAS, ok = parseUint(f.Token, math.MaxUint64)
	case 'F':
		var n uint64
		n, ok = parseUint(f.Token, math.MaxUint32)
		r.Flags = uint32(n)
	case 'T':
		r.HasTTL = true
		r.TTL, ok = parseInt(f.Token)
	case 'N', 'R':
		f.Number, ok = parseInt(f.Token)
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

func (r *Request) applyMode(token []byte) *Error {
	switch string(token) {
	case "S", "s":
		r.Mode = ModeSet
	case "E", "e":
		r.Mode = ModeAdd
	case "R", "r":
		r.Mode = ModeReplace
	default:
		return errMode
	}
	return nil
}

// setMetaKey is called after the flags, because they may say that the key is in
// base64.
func (r *Request) setMetaKey(key []byte) *Error {
	if err := r.setKey(key); err != nil || !r.Base64 {
		return err
	}
	n, err := base64.StdEncoding.Decode(r.decoded[:], key)
	if err != nil || n == 0 {
		return errBase64
	}
	r.Key = r.decoded[:n]
	return nil
}

func contains(set string, c byte) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}

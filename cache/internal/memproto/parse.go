package memproto

import "math"

// Parse reads one line, without its line end, into r; what r held before is
// gone. On an error r.Command, r.NoReply and r.Length are still what could be
// made out: a data block of r.Length bytes follows, and under r.NoReply no
// answer is sent.
func (r *Request) Parse(line []byte) *Error {
	r.reset()
	name, rest := NextToken(line)
	switch string(name) {
	case "get":
		return r.parseGet(Get, rest)
	case "gets":
		return r.parseGet(Gets, rest)
	case "gat":
		return r.parseGetAndTouch(Gat, rest)
	case "gats":
		return r.parseGetAndTouch(Gats, rest)
	case "mg":
		return r.parseMeta(MetaGet, rest)
	case "ms":
		return r.parseMetaSet(rest)
	case "md":
		return r.parseMeta(MetaDelete, rest)
	case "ma":
		return r.parseMeta(MetaArithmetic, rest)
	case "me":
		return r.parseMeta(MetaDebug, rest)
	case "mn":
		r.Command = MetaNoop
		return nil
	case "set":
		return r.parseStorage(Set, rest)
	case "add":
		return r.parseStorage(Add, rest)
	case "replace":
		return r.parseStorage(Replace, rest)
	case "append":
		return r.parseStorage(Append, rest)
	case "prepend":
		return r.parseStorage(Prepend, rest)
	case "cas":
		return r.parseStorage(CAS, rest)
	case "delete":
		return r.parseDelete(rest)
	case "incr":
		return r.parseDelta(Incr, rest)
	case "decr":
		return r.parseDelta(Decr, rest)
	case "touch":
		return r.parseTouch(rest)
	}
	return r.parseAdmin(name, rest)
}

func (r *Request) reset() {
	r.Fields = Fields{Length: -1}
	r.Key, r.Keys, r.Arg, r.RawKey, r.Meta = nil, nil, nil, nil, r.Meta[:0]
}

func (r *Request) parseAdmin(name, rest []byte) *Error {
	switch string(name) {
	case "flush_all":
		return r.parseFlush(rest)
	case "stats":
		r.Command = Stats
		r.Arg, _ = NextToken(rest)
	case "version":
		r.Command = Version
	case "verbosity":
		return r.parseVerbosity(rest)
	case "quit":
		r.Command = Quit
	case "shutdown":
		return r.parseShutdown(rest)
	case "cache_memlimit":
		return r.parseMemlimit(rest)
	case "cache_policy":
		return r.parsePolicy(rest)
	case "cache_record":
		return r.parseRecord(rest)
	case "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "PRI":
		return ErrForeign
	default:
		return ErrUnknown
	}
	return nil
}

// parseStorage reads <key> <flags> <exptime> <bytes> [noreply], with the cas
// value after the length for cas.
func (r *Request) parseStorage(c Command, rest []byte) *Error {
	r.Command, r.Mode = c, Mode(c-Set)
	need := 4
	if c == CAS {
		r.Mode, need = ModeSet, 5
	}
	var arg [6][]byte
	n := split(rest, arg[:])
	if n < need {
		return ErrUnknown
	}
	r.NoReply = n > need && string(arg[need]) == "noreply"
	var ok bool
	if r.Length, ok = parseLength(arg[3]); !ok {
		return errLength
	}
	if n > need+1 {
		return errTooMany
	}
	flags, ok := parseUint(arg[1], math.MaxUint32)
	if !ok {
		return errItemFlags
	}
	r.Flags = uint32(flags)
	if r.Exptime, ok = parseInt(arg[2]); !ok {
		return errExptime
	}
	if r.HasCAS = c == CAS; r.HasCAS {
		if r.CAS, ok = parseUint(arg[4], math.MaxUint64); !ok {
			return errCAS
		}
	}
	return r.setKey(arg[0])
}

func (r *Request) parseDelete(rest []byte) *Error {
	r.Command = Delete
	var arg [3][]byte
	n := split(rest, arg[:])
	if n > len(arg) {
		return errDeleteUsage
	}
	r.NoReply = n > 1 && string(arg[n-1]) == "noreply"
	switch {
	case n == 0:
		return ErrUnknown
	case n == 3 && !r.NoReply, n == 2 && !r.NoReply && string(arg[1]) != "0":
		return errDeleteUsage // "0" was once a time, and some clients still send it
	}
	return r.setKey(arg[0])
}

// parseDelta reads <key> <delta> [noreply].
func (r *Request) parseDelta(c Command, rest []byte) *Error {
	r.Command, r.Decrement = c, c == Decr
	var arg [3][]byte
	n := split(rest, arg[:])
	if n < 2 {
		return ErrUnknown
	}
	r.NoReply = n == 3 && string(arg[2]) == "noreply"
	var ok bool
	if r.Delta, ok = parseUint(arg[1], math.MaxUint64); !ok {
		return errDelta
	}
	if n > 3 {
		return errTooMany
	}
	return r.setKey(arg[0])
}

func (r *Request) parseTouch(rest []byte) *Error {
	r.Command = Touch
	var arg [3][]byte
	n := split(rest, arg[:])
	if n < 2 {
		return ErrUnknown
	}
	r.NoReply = n == 3 && string(arg[2]) == "noreply"
	var ok bool
	if r.Exptime, ok = parseInt(arg[1]); !ok {
		return errExptime
	}
	if n > 3 {
		return errTooMany
	}
	return r.setKey(arg[0])
}

func (r *Request) parseFlush(rest []byte) *Error {
	r.Command = FlushAll
	var arg [2][]byte
	n := split(rest, arg[:])
	r.NoReply = 0 < n && n <= 2 && string(arg[n-1]) == "noreply"
	if r.NoReply {
		n--
	}
	if n > 1 {
		return errTooMany
	}
	var ok bool
	if n == 1 {
		if r.Exptime, ok = parseInt(arg[0]); !ok {
			return errExptime
		}
	}
	return nil
}

func (r *Request) parseShutdown(rest []byte) *Error {
	r.Command = Shutdown
	var arg [1][]byte
	if n := split(rest, arg[:]); n > 1 || n == 1 && string(arg[0]) != "graceful" {
		return errShutdown
	}
	r.Arg = arg[0]
	return nil
}

func (r *Request) parseVerbosity(rest []byte) *Error {
	r.Command = Verbosity
	var arg [2][]byte
	n := split(rest, arg[:])
	if n == 0 {
		return ErrUnknown
	}
	if n > len(arg) {
		return errVerbosity
	}
	r.NoReply = string(arg[n-1]) == "noreply" // as in memcached, even without a level
	level, ok := parseUint(arg[0], math.MaxInt32)
	if !ok {
		return errVerbosity
	}
	r.Number = int64(level)
	return nil
}

func (r *Request) parseMemlimit(rest []byte) *Error {
	r.Command = CacheMemlimit
	var arg [2][]byte
	n := split(rest, arg[:])
	r.NoReply = n == 2 && string(arg[1]) == "noreply"
	if n == 0 || n > 2 {
		return errMemlimit
	}
	mb, ok := parseUint(arg[0], math.MaxInt64>>20)
	if !ok {
		return errMemlimit
	}
	r.Number = int64(mb)
	return nil
}

// parseRecord reads start <megabytes> <seconds>, stop, or read <offset>.
func (r *Request) parseRecord(rest []byte) *Error {
	r.Command = CacheRecord
	var arg [3][]byte
	n := split(rest, arg[:])
	r.Arg = arg[0]
	switch {
	case n == 1 && string(r.Arg) == "stop":
		return nil
	case n == 3 && string(r.Arg) == "start", n == 2 && string(r.Arg) == "read":
	default:
		return errRecordUsage
	}
	number, ok1 := parseUint(arg[1], math.MaxInt64>>20)
	seconds, ok2 := uint64(0), true
	if n == 3 {
		seconds, ok2 = parseUint(arg[2], math.MaxInt32)
	}
	if !ok1 || !ok2 {
		return errRecordUsage
	}
	r.Number, r.Initial = int64(number), seconds
	return nil
}

func (r *Request) parsePolicy(rest []byte) *Error {
	r.Command = CachePolicy
	var arg [1][]byte
	if split(rest, arg[:]) > 1 {
		return errPolicyUsage
	}
	r.Arg = arg[0]
	return nil
}

func (r *Request) setKey(key []byte) *Error {
	if !validKey(key) {
		return errKey
	}
	r.Key, r.RawKey = key, key
	return nil
}

func validKey(key []byte) bool {
	if len(key) == 0 || len(key) > MaxKey {
		return false
	}
	for _, c := range key {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// NextToken splits the first token off a line; tokens stand between spaces.
func NextToken(line []byte) (token, rest []byte) {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	j := i
	for j < len(line) && line[j] != ' ' {
		j++
	}
	return line[i:j], line[j:]
}

// split fills arg with the tokens of line and returns how many there are, which
// may be more than arg holds: then it is len(arg)+1.
func split(line []byte, arg [][]byte) (n int) {
	for {
		var token []byte
		token, line = NextToken(line)
		if len(token) == 0 {
			return n
		}
		if n == len(arg) {
			return n + 1
		}
		arg[n] = token
		n++
	}
}

// parseLength returns -1 for a length that is none.
func parseLength(b []byte) (int, bool) {
	n, ok := parseUint(b, MaxLength)
	if !ok {
		return -1, false
	}
	return int(n), true
}

// parseUint reads a decimal number of at most limit, without a sign.
func parseUint(b []byte, limit uint64) (n uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		if c < '0' || c > '9' || d > limit || n > (limit-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// parseInt reads a decimal number that may be negative.
func parseInt(b []byte) (int64, bool) {
	if len(b) > 0 && b[0] == '-' {
		n, ok := parseUint(b[1:], math.MaxInt64)
		return -int64(n), ok
	}
	n, ok := parseUint(b, math.MaxInt64)
	return int64(n), ok
}

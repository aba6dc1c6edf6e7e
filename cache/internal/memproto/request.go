// Package memproto parses the requests of memcached's text protocol, with its
// meta commands, and writes the answers. It does no I/O and keeps no state:
// the caller finds the lines and moves the data blocks.
//
// The authority is memcached's protocol.txt; where that is silent, memcached
// 1.6 is. Two deliberate differences, both for safety: a key with control
// characters is refused, and the data block that follows a line with a known
// length is always skipped when the line is refused, never run as commands.
package memproto

// Command is what a request asks for.
type Command uint8

// The commands.
const (
	Get Command = iota + 1
	Gets
	Set
	Add
	Replace
	Delete
	Touch
	FlushAll
	Stats
	Version
	Verbosity
	Quit
	CacheMemlimit
	CachePolicy
	MetaGet
	MetaSet
	MetaDelete
	MetaNoop
)

// Bounds of what a request may hold.
const (
	MaxKey    = 250     // bytes
	MaxOpaque = 32      // bytes
	MaxLength = 1 << 30 // bytes of a data block
	MaxLine   = 2048    // bytes of a line, except of get and gets, which may be of any length
)

// Request is one parsed line. Its slices point into the line.
type Request struct {
	Command Command
	Key     []byte // decoded, when it came in base64
	Keys    []byte // the keys of get and gets, separated by spaces: see NextKey
	Arg     []byte // of stats and cache_policy; may be empty
	Flags   uint32
	Exptime int64 // seconds from now, or Unix time when beyond 30 days; 0 is never, negative is past
	Number  int64 // of cache_memlimit (MB)
	NoReply bool

	// Length is the length of the data block that follows the line, -1 when
	// none does. It is set even when the line is refused, for skipping.
	Length int

	// Of the meta commands.
	Meta   []Flag // in the order given, which is the order of the answer
	RawKey []byte // as it came, for the answer
	Quiet  bool   // q
	Base64 bool   // b
	CAS    uint64 // C
	HasCAS bool
	TTL    int64 // T
	HasTTL bool
	Mode   Mode // M

	decoded [MaxKey]byte // enough: base64 shrinks
}

// Mode is what a meta set does; see the M flag.
type Mode uint8

// The modes.
const (
	ModeSet Mode = iota
	ModeAdd
	ModeReplace
)

// Flag is a flag of a meta command.
type Flag struct {
	Letter byte
	Token  []byte
	Number int64 // the token of T, N and R
}

// Flag returns the flag with the letter, or nil.
func (r *Request) Flag(letter byte) *Flag {
	for i := range r.Meta {
		if r.Meta[i].Letter == letter {
			return &r.Meta[i]
		}
	}
	return nil
}

// Error is a request that cannot be carried out.
type Error struct {
	Answer string // the line to answer, without its end; "" for none
	Close  bool   // the connection must be closed
}

func (e *Error) Error() string {
	if e.Answer == "" {
		return "not memcached's protocol"
	}
	return e.Answer
}

// Errors that need no detail, and those of the data block.
var (
	ErrUnknown     = &Error{Answer: "ERROR"}
	ErrForeign     = &Error{Close: true} // another protocol, as HTTP: an answer could be taken for one of its own
	ErrLineTooLong = &Error{Answer: "CLIENT_ERROR line too long: at most 2048 bytes", Close: true}
	ErrBadData     = &Error{Answer: "CLIENT_ERROR bad data chunk"}
	ErrTooLarge    = &Error{Answer: "SERVER_ERROR object too large for cache"}
	ErrOutOfMemory = &Error{Answer: "SERVER_ERROR out of memory storing object"}
	errMetaFlag    = clientError("invalid flag: see protocol.txt for the flags of the command")
	errDuplicate   = clientError("duplicate flag: give each flag once")
	errOpaque      = clientError("opaque token too long: at most 32 bytes")
	errMetaNumber  = clientError("bad token in command line format: the flag needs a whole number")
	errMode        = clientError("invalid mode for ms M token: use E (add), R (replace) or S (set)")
	errBase64      = clientError("error decoding key: it is not base64")
	errKey         = clientError("bad command line format: a key is 1 to 250 bytes without spaces and control characters")
	errLength      = clientError("bad command line format: the length of the data is a whole number from 0 to 1073741824")
	errItemFlags   = clientError("bad command line format: flags are a whole number from 0 to 4294967295")
	errExptime     = clientError("invalid exptime argument: it is a whole number of seconds")
	errTooMany     = clientError("bad command line format: too many arguments")
	errDeleteUsage = clientError("bad command line format.  Usage: delete <key> [noreply]")
	errMemlimit    = clientError("bad command line format.  Usage: cache_memlimit <megabytes> [noreply]")
	errPolicyUsage = clientError("bad command line format.  Usage: cache_policy [name]")
	errVerbosity   = clientError("bad command line format.  Usage: verbosity <level> [noreply]")
)

func clientError(text string) *Error { return &Error{Answer: "CLIENT_ERROR " + text} }

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
	Gat
	Gats
	Set
	Add
	Replace
	Append
	Prepend
	CAS
	Delete
	Incr
	Decr
	Touch
	FlushAll
	Stats
	Version
	Verbosity
	Quit
	Shutdown
	CacheMemlimit
	CachePolicy
	CacheRecord
	MetaGet
	MetaSet
	MetaDelete
	MetaArithmetic
	MetaDebug
	MetaNoop
)

// HasData tells whether a data block follows the command's line.
func (c Command) HasData() bool { return Set <= c && c <= CAS || c == MetaSet }

// Bounds of what a request may hold.
const (
	MaxKey    = 250     // bytes
	MaxOpaque = 32      // bytes
	MaxLength = 1 << 30 // bytes of a data block
	MaxLine   = 2048    // bytes of a line, except of the four gets: see MayBeLong
)

// Request is one parsed line. Its slices point into the line, except a decoded
// Key, which stays until the next Parse.
type Request struct {
	Fields
	Key    []byte // decoded, when it came in base64; of the four gets, the first
	Keys   []byte // of the four gets, what follows Key: see NextKey
	Arg    []byte // of stats, shutdown, cache_policy and cache_record; may be empty
	RawKey []byte // of a meta command, Key as it came, for the answer
	Meta   []Flag // of a meta command, in the order given, which is the order of the answer

	decoded []byte // the memory of a decoded Key, used again and again
}

// Fields are the parts of a Request without pointers: they are cleared for each
// line, which costs little without the barriers of the garbage collector.
type Fields struct {
	Command Command
	Mode    Mode // of a storage command, M of ms
	NoReply bool
	HasCAS  bool
	Flags   uint32
	Exptime int64  // seconds from now, or Unix time when beyond 30 days; 0 is never, negative is past
	Number  int64  // of verbosity, of cache_memlimit (MB), and of cache_record (MB, or bytes to skip)
	Delta   uint64 // of incr, decr and ma
	CAS     uint64 // of cas, C of a meta command

	// Length is the length of the data block that follows the line, -1 when
	// none does. It is set even when the line is refused, for skipping.
	Length int

	// Of the meta commands.
	Quiet     bool   // q
	Base64    bool   // b
	Decrement bool   // M of ma; of decr, too
	TTL       int64  // T
	Vivify    int64  // N
	Recache   int64  // R
	NewCAS    uint64 // E
	Initial   uint64 // J; of cache_record, seconds

	given uint64 // the letters of Meta: see Has
}

// Mode is the condition of a storage command, and what it does.
type Mode uint8

// The modes, in the order of the commands from Set.
const (
	ModeSet Mode = iota
	ModeAdd
	ModeReplace
	ModeAppend
	ModePrepend
)

// Flag is a flag of a meta command.
type Flag struct {
	Letter byte
	Token  []byte
}

// Has tells whether the meta flag with the letter was given.
func (f *Fields) Has(letter byte) bool { return f.given&flagBit(letter) != 0 }

// WithCAS tells whether the answer of a get shows the cas value.
func (f *Fields) WithCAS() bool { return f.Command == Gets || f.Command == Gats }

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

// Errors that need no detail, and those of carrying a request out.
var (
	ErrUnknown     = &Error{Answer: "ERROR"}
	ErrForeign     = &Error{Close: true} // another protocol, as HTTP: an answer could be taken for one of its own
	ErrLineTooLong = &Error{Answer: "CLIENT_ERROR line too long: at most 2048 bytes", Close: true}
	ErrBadData     = clientError("bad data chunk")
	ErrTooLarge    = &Error{Answer: "SERVER_ERROR object too large for cache"}
	ErrOutOfMemory = &Error{Answer: "SERVER_ERROR out of memory"}
	ErrNotStored   = &Error{Answer: "SERVER_ERROR out of memory storing object"}
	ErrNotNumber   = clientError("cannot increment or decrement non-numeric value")
	errMetaFlag    = clientError("invalid flag: see protocol.txt for the flags of the command")
	errDuplicate   = clientError("duplicate flag: give each flag once")
	errOpaque      = clientError("opaque token too long: at most 32 bytes")
	errMetaNumber  = clientError("bad token in command line format: the flag needs a whole number")
	errModeLength  = clientError("incorrect length for M token: it is one letter")
	errSetMode     = clientError("invalid mode for ms M token: use E (add), A (append), P (prepend), R (replace) or S (set)")
	errDeltaMode   = clientError("invalid mode for ma M token: use I or + (increment), D or - (decrement)")
	errBase64      = clientError("error decoding key: it is not base64")
	errKey         = clientError("bad command line format: a key is 1 to 250 bytes without spaces and control characters")
	errLength      = clientError("bad command line format: the length of the data is a whole number from 0 to 1073741824")
	errItemFlags   = clientError("bad command line format: flags are a whole number from 0 to 4294967295")
	errCAS         = clientError("bad command line format: a cas value is a whole number from 0 to 18446744073709551615")
	errExptime     = clientError("invalid exptime argument: it is a whole number of seconds")
	errDelta       = clientError("invalid numeric delta argument: it is a whole number from 0 to 18446744073709551615")
	errTooMany     = clientError("bad command line format: too many arguments")
	errDeleteUsage = clientError("bad command line format.  Usage: delete <key> [noreply]")
	errMemlimit    = clientError("bad command line format.  Usage: cache_memlimit <megabytes> [noreply]")
	errPolicyUsage = clientError("bad command line format.  Usage: cache_policy [name]")
	errRecordUsage = clientError("bad command line format.  Usage: cache_record start <megabytes> <seconds>, cache_record stop, or cache_record read <offset>")
	errVerbosity   = clientError("bad command line format.  Usage: verbosity <level> [noreply]")
	errShutdown    = clientError("invalid shutdown mode: it is graceful, or nothing")
)

func clientError(text string) *Error { return &Error{Answer: "CLIENT_ERROR " + text} }

package api

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Code says what kind of failure an [Error] is; it decides the HTTP status.
type Code string

// The codes, each with the HTTP status it becomes.
const (
	Invalid            Code = "invalid"             // 400: the request cannot be carried out as it is
	Unauthorized       Code = "unauthorized"        // 401: nobody knows who asks
	Forbidden          Code = "forbidden"           // 403
	NotFound           Code = "not_found"           // 404
	MethodNotAllowed   Code = "method_not_allowed"  // 405
	TooSlow            Code = "too_slow"            // 408: the request's body came too slowly
	Conflict           Code = "conflict"            // 409: another request is in the way; trying again may help
	PreconditionFailed Code = "precondition_failed" // 412
	TooLarge           Code = "too_large"           // 413
	NoPreview          Code = "no_preview"          // 415: of these bytes no thumbnail can be made
	BadRange           Code = "bad_range"           // 416: the object has no such bytes
	Misdirected        Code = "misdirected"         // 421: this server does not answer for that host
	KeyReused          Code = "key_reused"          // 422: the Idempotency-Key was used for another request
	TooMany            Code = "too_many"            // 429: more than one client may use at once
	Internal           Code = "internal"            // 500: the details are in the server's log
	Unavailable        Code = "unavailable"         // 503: a part is down; trying again may help
	Full               Code = "full"                // 507: no room left to store
)

// Error is a failure that a person can read and a program can tell apart.
// Message says what was wrong, with what value, and what to do.
//
// Format is the message with a verb of package fmt for each of its parameters, and
// names it in catalogues of other languages; Args are the parameters as the message
// has them. So a client can say the same in its own words, and say Message where it
// has none.
type Error struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Format  string   `json:"format,omitempty"`
	Args    []string `json:"args,omitempty"`
	cause   error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, which is for the log and never for the client.
func (e *Error) Unwrap() error { return e.cause }

// Errorf returns an [Error]. A %w in format is kept as the cause as well.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Format: format, Args: written(format, args), cause: errors.Unwrap(err)}
}

// written are the arguments as a message of this format has them.
func written(format string, args []any) (texts []string) {
	for _, arg := range args {
		verb := ""
		if verb, format = cutVerb(format); verb == "" {
			return texts
		}
		texts = append(texts, fmt.Sprintf(strings.Replace(verb, "w", "v", 1), arg))
	}
	return texts
}

// cutVerb returns the first verb of format, "" when there is none, and what follows it.
func cutVerb(format string) (verb, rest string) {
	for {
		at := strings.IndexByte(format, '%')
		if at < 0 || at+1 == len(format) {
			return "", ""
		}
		format = format[at:]
		from := 1
		if format[1] == '[' { // the number of an argument
			from += strings.IndexByte(format, ']')
		}
		length := strings.IndexFunc(format[from:], isVerb)
		if length < 0 {
			return "", ""
		}
		end := from + length + 1
		if verb, rest = format[:end], format[end:]; verb != "%%" {
			return verb, rest
		}
		format = rest
	}
}

func isVerb(r rune) bool { return r == '%' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// In says the error in the words of translated, which has the verbs of Format in
// their order, or "%[2]s" for the second of them. It is false when they do not fit.
func (e *Error) In(translated string) (text string, ok bool) {
	var b strings.Builder
	for i := 0; ; i++ {
		verb, rest := cutVerb(translated)
		if verb == "" {
			b.WriteString(strings.ReplaceAll(translated, "%%", "%"))
			return b.String(), true
		}
		before := translated[:len(translated)-len(rest)-len(verb)]
		n := i
		if number, _, indexed := strings.Cut(strings.TrimPrefix(verb, "%["), "]"); indexed {
			at, err := strconv.Atoi(number)
			if err != nil {
				return "", false
			}
			n = at - 1
		}
		if n < 0 || n >= len(e.Args) {
			return "", false
		}
		b.WriteString(strings.ReplaceAll(before, "%%", "%"))
		b.WriteString(e.Args[n])
		translated = rest
	}
}

// Because returns a copy of e with cause, which only the log shows.
func (e *Error) Because(cause error) *Error {
	told := *e
	told.cause = cause
	return &told
}

// AsError returns the [Error] in err's chain; any other error becomes an
// Internal one whose message gives nothing away. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := Errorf(Internal, "something went wrong on the server; its log has the details")
	return e.Because(err)
}

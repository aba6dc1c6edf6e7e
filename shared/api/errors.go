package api

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an [Error] is; it decides the HTTP status.
type Code string

// The codes, each with the HTTP status it becomes.
const (
	Invalid            Code = "invalid"             // 400: the request cannot be carried out as it is
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
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	cause   error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, which is for the log and never for the client.
func (e *Error) Unwrap() error { return e.cause }

// Errorf returns an [Error]. A %w in format is kept as the cause as well.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Because returns a copy of e with cause, which only the log shows.
func (e *Error) Because(cause error) *Error {
	return &Error{Code: e.Code, Message: e.Message, cause: cause}
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

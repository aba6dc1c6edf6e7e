package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"memcache/shared/api"
)

// explain gives an error of S3 its code and a message for people; what is missing
// is [fs.ErrNotExist].
func explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, ok := errors.AsType[*api.Error](err); ok {
		return err
	}
	code, status := codeOf(err)
	switch code {
	case "NoSuchKey", "NotFound", "NoSuchUpload":
		return fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	case "NoSuchBucket":
		return api.Errorf(api.Unavailable, "the bucket of the store is not there: make it, or name another one in -store").Because(err)
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return api.Errorf(api.Unavailable, "the clock of this server differs too much from that of S3: set it right").Because(err)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301":
		return api.Errorf(api.Unavailable, "the bucket of the store is in another region: name that in -store").Because(err)
	case "QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull", "InsufficientStorage":
		return api.Errorf(api.Full, "the object store is full: delete something, or give it more room").Because(err)
	case "SlowDown", "ServiceUnavailable", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded":
		return api.Errorf(api.Unavailable, "the object store asks for fewer requests: try again in a moment").Because(err)
	case noCredentials:
		return api.Errorf(api.Unavailable, "there are no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role").Because(err)
	}
	switch {
	case code == "XAdminUserNotFound" || status == http.StatusUnauthorized || status == http.StatusForbidden || strings.Contains(code, "Token"):
		return api.Errorf(api.Unavailable, "the object store refuses the credentials of this server: check them, and what they allow").Because(err)
	case status == http.StatusInsufficientStorage:
		return api.Errorf(api.Full, "the object store is full: delete something, or give it more room").Because(err)
	case status != 0 && status < 500:
		return api.Errorf(api.Unavailable, "the object store refuses a request (%s): the log has the details", code).Because(err)
	}
	return api.Errorf(api.Unavailable, "the object store does not answer as it should: try again in a moment").Because(err)
}

const noCredentials = "no credentials" // which comes from the client, without a type

// codeOf returns what S3 calls an error, and its HTTP status, 0 where it did not
// answer.
func codeOf(err error) (code string, status int) {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = answer.HTTPStatusCode()
		code = fmt.Sprint(status)
	}
	if told, ok := errors.AsType[smithy.APIError](err); ok && told.ErrorCode() != "" && told.ErrorCode() != "UnknownError" {
		code = told.ErrorCode()
	}
	if status == 0 && strings.Contains(err.Error(), "get identity:") {
		code = noCredentials
	}
	return code, status
}

// isCode tells whether S3 answered with one of the codes.
func isCode(err error, codes ...string) bool {
	code, _ := codeOf(err)
	return slices.Contains(codes, code)
}

// withCause says an error with its cause, for who starts the server.
func withCause(err error) error {
	told, ok := errors.AsType[*api.Error](err)
	if !ok || told.Unwrap() == nil {
		return err
	}
	return fmt.Errorf("%w (%w)", told, told.Unwrap())
}

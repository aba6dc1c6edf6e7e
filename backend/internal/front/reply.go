package front

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// joined is the most of a body that is copied behind the header; more leaves
// from where it is, with the same system call.
const joined = 8 << 10

// reply is the [http.ResponseWriter] of a request. It also is what sendfile and
// [http.ResponseController] need of it.
type reply struct {
	conn    *conn
	header  http.Header // its memory is used again
	status  int         // 0 until the header is settled
	head    []byte      // the header as it is sent; its memory is used again
	chunked bool        // the length is not known in advance
	left    int64       // bytes of the body that are still promised
	err     error       // the first one of writing
}

func (w *reply) begin(c *conn) {
	if w.header == nil {
		w.header = make(http.Header, 16)
	}
	clear(w.header)
	*w = reply{conn: c, header: w.header, head: w.head[:0]}
}

// Header returns the header, to be changed until it is sent.
func (w *reply) Header() http.Header { return w.header }

// SetWriteDeadline is for [http.ResponseController].
func (w *reply) SetWriteDeadline(t time.Time) error {
	w.conn.deadline = t
	return nil
}

// WriteHeader settles status and header; they leave with the first bytes.
func (w *reply) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // what comes before the answer is not sent
		return
	}
	w.status = status
	length := w.header["Content-Length"]
	switch {
	case status == http.StatusNotModified:
		delete(w.header, "Content-Length")
		delete(w.header, "Content-Type")
	case status == http.StatusNoContent:
		delete(w.header, "Content-Length")
	case len(length) == 1:
		var err error
		if w.left, err = strconv.ParseInt(length[0], 10, 64); err != nil {
			w.err = fmt.Errorf("the length of the reply is %q, which is no number", length[0])
		}
	default:
		w.chunked = true
	}
	w.head = appendHead(w.head, status, w.header, w.chunked)
}

// Write sends p.
func (w *reply) Write(p []byte) (int, error) {
	if err := w.promise(int64(len(p))); err != nil || len(p) == 0 {
		return 0, err
	}
	if w.chunked {
		w.head = append(strconv.AppendInt(w.head, int64(len(p)), 16), "\r\n"...)
	}
	w.send(p)
	if w.chunked {
		w.head = append(w.head, "\r\n"...) // leaves with what comes next
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// promise notes that n more bytes are sent, and fails if these are too many.
func (w *reply) promise(n int64) error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	tooMuch := !w.chunked && n > w.left
	w.left -= n
	if w.err == nil && tooMuch {
		return http.ErrContentLength
	}
	return w.err
}

// send writes what has gathered in head, and p after it.
func (w *reply) send(p []byte) {
	if w.err != nil {
		return
	}
	if len(p) <= joined {
		w.head, p = append(w.head, p...), nil
	}
	w.err = w.conn.write(w.head, p)
	w.head = w.head[:0]
}

// ReadFrom sends what r has; the kernel copies it if r is a blob's file within
// an [io.LimitedReader].
func (w *reply) ReadFrom(r io.Reader) (int64, error) {
	if err := w.promise(0); err != nil {
		return 0, err
	}
	part, limited := r.(*io.LimitedReader)
	if w.chunked || !limited || part.N > w.left {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	w.send(nil)
	if w.err != nil {
		return 0, w.err
	}
	from, ok := part.R.(file)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	n, err := w.conn.sendFile(from, part.N)
	part.N -= n
	w.left -= n
	w.err = err
	return n, err
}

// finish sends what is left. It fails when the client cannot tell where the
// reply ends, so that the connection must be closed.
func (w *reply) finish() error {
	if w.status == 0 {
		w.header["Content-Length"] = []string{"0"}
		w.WriteHeader(http.StatusOK)
	}
	if w.chunked {
		w.head = append(w.head, "0\r\n\r\n"...)
	}
	if w.err == nil && len(w.head) > 0 {
		w.send(nil)
	}
	switch {
	case w.err != nil:
	case w.header.Get("Connection") == "close":
		return io.EOF
	case !w.chunked && w.left != 0:
		return fmt.Errorf("the reply is %d bytes shorter than it said: %w", w.left, io.ErrUnexpectedEOF)
	}
	return w.err
}

// appendHead appends the status line and the header.
func appendHead(b []byte, status int, header http.Header, chunked bool) []byte {
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10)
	b = append(append(append(b, ' '), http.StatusText(status)...), "\r\n"...)
	for name, values := range header {
		for _, value := range values {
			b = append(append(b, name...), ": "...)
			b = append(appendLine(b, value), "\r\n"...)
		}
	}
	if _, dated := header["Date"]; !dated {
		b = append(append(append(b, "Date: "...), date()...), "\r\n"...)
	}
	if chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendLine appends a value without line ends, as net/http does.
func appendLine(b []byte, value string) []byte {
	from := len(b)
	b = append(b, value...)
	for i, c := range b[from:] {
		if c == '\r' || c == '\n' {
			b[from+i] = ' '
		}
	}
	return b
}

// today is the Date of this second.
var today atomic.Pointer[struct {
	second int64
	text   string
}]

func date() string {
	now := time.Now()
	if t := today.Load(); t != nil && t.second == now.Unix() {
		return t.text
	}
	text := now.UTC().Format(http.TimeFormat)
	today.Store(&struct {
		second int64
		text   string
	}{now.Unix(), text})
	return text
}

package cachelink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxStats bounds the lines of one statistics reply.
const maxStats = 4096

// readLine returns a line without its end; it is valid until the next read.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// readReply reads the reply to q. An error means that the connection is out of
// step; a refusal by the node is none.
func (cn *conn) readReply(q *call) error {
	if q.kind == replyStats {
		stats, reply, err := readStats(cn.br)
		q.stats, q.reply = stats, append(q.reply, reply...)
		return err
	}
	line, err := readLine(cn.br)
	if err != nil {
		return err
	}
	q.reply = append(q.reply, line...)
	word, rest, _ := bytes.Cut(line, []byte(" "))
	switch {
	case string(word) == "VA" && q.kind == replyValue:
		return cn.readValue(q, rest)
	case string(word) == "CLIENT_ERROR" && q.body != nil:
		// The node may read the data block as commands: that must not go on.
		return fmt.Errorf("the node did not take a command: %q", line)
	case !knownReply(string(word)):
		return fmt.Errorf("the node sent %q, which is no reply to the command", line)
	}
	return nil
}

// knownReply tells whether a one-line reply may begin with word.
func knownReply(word string) bool {
	switch word {
	case "HD", "NF", "NS", "EX", "EN", "ME", "OK", "ERROR", "CLIENT_ERROR", "SERVER_ERROR",
		"MEMLIMIT_TOO_SMALL", "MEMLIMIT_ADJUST_FAILED":
		return true
	}
	return false
}

// readValue reads what follows "VA ".
func (cn *conn) readValue(q *call, head []byte) (err error) {
	if q.answer, err = parseValue(head, cn.limit); err != nil {
		return err
	}
	q.found = true
	// The line is not valid any more from here on.
	switch size := q.answer.size; {
	case size == 0:
	case q.state.Load() == abandoned:
		_, err = cn.br.Discard(size)
	default:
		q.value = cn.buffers.get(size)
		_, err = io.ReadFull(cn.br, q.value.b)
	}
	if err == nil {
		err = readBlockEnd(cn.br)
	}
	if err != nil && q.value != nil {
		q.value.free()
		q.value = nil
	}
	return err
}

// reply is what the line before a value says.
type reply struct {
	size  int
	cas   uint64
	won   bool // this caller has the lease
	taken bool // another one has it
}

// parseValue reads what follows "VA "; limit is the most bytes to expect.
func parseValue(head []byte, limit int) (r reply, err error) {
	sizeText, flags, _ := bytes.Cut(head, []byte(" "))
	r.size, err = strconv.Atoi(string(sizeText))
	if err != nil || r.size < 0 || r.size > limit {
		return r, fmt.Errorf("the node announced a value of %q bytes: at most %d are expected", sizeText, limit)
	}
	for f := range bytes.FieldsSeq(flags) {
		switch f[0] {
		case 'c':
			if r.cas, err = strconv.ParseUint(string(f[1:]), 10, 64); err != nil {
				return r, fmt.Errorf("the node sent the cas %q, which is no number", f[1:])
			}
		case 'W':
			r.won = true
		case 'Z':
			r.taken = true
		}
	}
	return r, nil
}

// blockEnd is what comes after a value.
const blockEnd = "\r\n"

func wrongEnd(end []byte) error {
	return fmt.Errorf("the node ended a value with %q instead of a line end", end)
}

func readBlockEnd(br *bufio.Reader) error {
	var end [len(blockEnd)]byte
	if _, err := io.ReadFull(br, end[:]); err != nil {
		return err
	}
	if string(end[:]) != blockEnd {
		return wrongEnd(end[:])
	}
	return nil
}

// readStats reads STAT lines up to END. A node that refuses answers one other
// line, which is returned as reply.
func readStats(br *bufio.Reader) (stats map[string]string, reply []byte, err error) {
	stats = make(map[string]string)
	for range maxStats {
		line, err := readLine(br)
		if err != nil {
			return nil, nil, err
		}
		word, rest, _ := bytes.Cut(line, []byte(" "))
		switch string(word) {
		case "STAT":
			name, value, _ := bytes.Cut(rest, []byte(" "))
			stats[string(name)] = string(value)
		case "END", "RESET":
			return stats, []byte("END"), nil
		case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
			return stats, bytes.Clone(line), nil
		default:
			return nil, nil, fmt.Errorf("the node sent %q among its statistics", line)
		}
	}
	return nil, nil, errors.New("the node's statistics do not end")
}

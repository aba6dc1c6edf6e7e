package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The requests and answers have fixed lengths, so that the load is cheap: it
// shares the machine with what it measures.

func (s shape) appendGet(b []byte, key int) []byte {
	return append(appendKey(append(b, "get "...), key), "\r\n"...)
}

func (s shape) appendSet(b []byte, key int, value []byte) []byte {
	b = append(appendKey(append(b, "set "...), key), " 0 0 "...)
	b = append(strconv.AppendInt(b, int64(len(value)), 10), "\r\n"...)
	return append(append(b, value...), "\r\n"...)
}

// answer is the length of the answer to a get.
func (s shape) answer() int {
	return len(fmt.Sprintf("VALUE %s 0 %d\r\n", appendKey(nil, 0), s.size)) + s.size + len("\r\nEND\r\n")
}

func (s shape) value() []byte {
	return bytes.Repeat([]byte("0123456789abcdef"), s.size/16+1)[:s.size]
}

func appendKey(b []byte, key int) []byte {
	b = append(b, "key-00000000"...)
	for i := len(b) - 1; key > 0; i, key = i-1, key/10 {
		b[i] = '0' + byte(key%10)
	}
	return b
}

// network tells TCP addresses from paths.
func (p peer) network() string {
	if strings.Contains(p.address, "/") {
		return "unix"
	}
	return "tcp"
}

// connect returns the descriptor of a new connection, which belongs to the caller.
func (p peer) connect() (int, error) {
	nc, err := net.Dial(p.network(), p.address)
	if err != nil {
		return -1, err
	}
	defer nc.Close()
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, dup := -1, error(nil)
	if err := raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	return fd, dup
}

// fill stores every key.
func (p peer) fill(s shape) error {
	nc, err := net.Dial(p.network(), p.address)
	if err != nil {
		return err
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	value := s.value()
	for key := range s.keys {
		if _, err := nc.Write(s.appendSet(nil, key, value)); err != nil {
			return err
		}
		if line, err := r.ReadString('\n'); err != nil || line != stored {
			return fmt.Errorf("a set is answered %q (%w)", line, err)
		}
	}
	return nil
}

// sameAnswers asks every server the same and compares the bytes.
func sameAnswers(peers []peer, s shape) error {
	var ask []byte
	for key := 0; key < s.keys; key += max(1, s.keys/16) {
		ask = s.appendGet(ask, key)
	}
	ask = append(ask, "get nobody\r\nget key-00000000 nobody key-00000001\r\n"...)
	ask = append(ask, "set other 7 0 3\r\nabc\r\nget other\r\nmg other v f s\r\nadd other 0 0 1\r\nx\r\ndelete other\r\ndelete other\r\nmn\r\n"...)
	var first []byte
	for i, p := range peers {
		got, err := p.ask(ask)
		if err != nil {
			return fmt.Errorf("asking %s: %w", p.name, err)
		}
		if i == 0 {
			first = got
		} else if !bytes.Equal(got, first) {
			return fmt.Errorf("%s and %s answer with other bytes", peers[0].name, p.name)
		}
	}
	return nil
}

// ask sends requests, of which the last is mn, and returns the answers.
func (p peer) ask(requests []byte) ([]byte, error) {
	nc, err := net.Dial(p.network(), p.address)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := nc.Write(requests); err != nil { // short: the answers fit the buffers
		return nil, err
	}
	var all []byte
	buffer := make([]byte, readMax)
	for !bytes.HasSuffix(all, []byte("\r\nMN\r\n")) {
		n, err := nc.Read(buffer)
		if err != nil {
			return nil, errors.Join(err, io.ErrUnexpectedEOF)
		}
		all = append(all, buffer[:n]...)
	}
	return all, nil
}

// cpu returns the time that the process has used, in user and system: what the
// scheduler gave each of its threads, to the nanosecond.
func (p peer) cpu() (all time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err == nil && len(threads) == 0 {
		err = fmt.Errorf("there is no process %d", p.pid)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		used, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(used, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is %q", name, text)
		}
		all += time.Duration(ns)
	}
	return all, err
}

// resident returns the bytes of memory that the process has.
func (p peer) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm is %q", p.pid, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

package memproto

import "strconv"

// End is what every line and data block ends with.
const End = "\r\n"

// MaxHeader bounds what AppendValue and the answers to one meta command take.
const MaxHeader = 1024

// AppendLine appends a line.
func AppendLine(b []byte, line string) []byte { return append(append(b, line...), End...) }

// AppendValue appends the line before an item's data: VALUE key flags size, and
// the cas value for gets.
func AppendValue(b, key []byte, flags uint32, size int, cas uint64, withCAS bool) []byte {
	b = append(b, "VALUE "...)
	b = append(b, key...)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(flags), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(size), 10)
	if withCAS {
		b = append(b, ' ')
		b = strconv.AppendUint(b, cas, 10)
	}
	return append(b, End...)
}

// AppendNumber appends a line with a number.
func AppendNumber(b []byte, n uint64) []byte { return append(strconv.AppendUint(b, n, 10), End...) }

// AppendStat appends one line of statistics.
func AppendStat(b []byte, name, value string) []byte {
	b = append(b, "STAT "...)
	b = append(b, name...)
	b = append(b, ' ')
	b = append(b, value...)
	return append(b, End...)
}

// AppendFlag appends a flag of a meta answer with a number as its token.
func AppendFlag(b []byte, letter byte, n int64) []byte {
	return strconv.AppendInt(append(b, ' ', letter), n, 10)
}

// AppendCAS appends the flag c.
func AppendCAS(b []byte, cas uint64) []byte {
	return strconv.AppendUint(append(b, " c"...), cas, 10)
}

// AppendEcho appends the flags of a meta answer that repeat what the request
// said: the key, with b behind it when it is in base64, and the opaque token.
func AppendEcho(b []byte, r *Request, f Flag) []byte {
	switch f.Letter {
	case 'k':
		b = append(append(b, " k"...), r.RawKey...)
		if r.Base64 {
			b = append(b, " b"...)
		}
	case 'O':
		b = append(append(b, " O"...), f.Token...)
	}
	return b
}

package ui

import "strings"

// maxHexBytes is how much of an object of no known kind is shown.
const maxHexBytes = 4096

// hexDump writes bytes as people read them: where they are, in hexadecimal, and as
// ASCII, sixteen in a line.
func hexDump(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	s.Grow(len(b)/16*80 + 80)
	for at := 0; at < len(b); at += 16 {
		for shift := 28; shift >= 0; shift -= 4 {
			s.WriteByte(digits[at>>shift&15])
		}
		line := b[at:min(at+16, len(b))]
		for i := range 16 {
			if i%8 == 0 {
				s.WriteByte(' ')
			}
			s.WriteByte(' ')
			if i < len(line) {
				s.WriteByte(digits[line[i]>>4])
				s.WriteByte(digits[line[i]&15])
			} else {
				s.WriteString("  ")
			}
		}
		s.WriteString("  ")
		for _, c := range line {
			if c < ' ' || c > '~' {
				c = '.'
			}
			s.WriteByte(c)
		}
		s.WriteByte('\n')
	}
	return s.String()
}

package login

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"memcache/shared/api"
)

// The cost of a password's hash: OWASP's for argon2id with 19 MB.
const (
	hashTime    = 2
	hashMemory  = 19 << 10 // KB
	hashThreads = 1
	hashBytes   = 32
	saltBytes   = 16
)

// The length of a password, in bytes.
const (
	minPassword = 10
	maxPassword = 256
)

// hasher hashes passwords, only so many at once: each takes 19 MB and a processor.
type hasher chan struct{}

func newHasher() hasher { return make(hasher, 2) }

func checkPassword(password string) error {
	if n := len(password); n < minPassword || n > maxPassword {
		return api.Errorf(api.Invalid, "the password has %d bytes: choose one of %d to %d", n, minPassword, maxPassword)
	}
	return nil
}

// hash returns the password's hash in the usual form, with its salt and its cost.
func (h hasher) hash(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it never fails
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads, b64(salt), b64(h.key(password, salt, hashTime, hashMemory, hashThreads)))
}

func (h hasher) key(password string, salt []byte, time, memory uint32, threads uint8) []byte {
	h <- struct{}{}
	defer func() { <-h }()
	return argon2.IDKey([]byte(password), salt, time, memory, threads, hashBytes)
}

// nobody is the hash of no password. It takes as long to compare with as any other.
var nobody = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)

// fits tells whether the hash is that of the password, in a time that does not
// depend on either.
func (h hasher) fits(hash, password string) bool {
	parts := strings.Split(hash, "$") // "", argon2id, v=19, m=…, salt, key
	if len(parts) != 6 || len(password) > maxPassword {
		return false
	}
	var time, memory uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	return err == nil && subtle.ConstantTimeCompare(h.key(password, salt, time, memory, threads), want) == 1
}

package memproto

// parseGet reads <key>+.
func (r *Request) parseGet(c Command, rest []byte) *Error {
	r.Command = c
	key, rest, err := NextKey(rest)
	if err != nil {
		return err
	}
	if len(key) == 0 {
		return ErrUnknown
	}
	r.Key, r.Keys = key, rest
	// All keys now, so that a bad one is the whole answer.
	for len(key) > 0 {
		if key, rest, err = NextKey(rest); err != nil {
			return err
		}
	}
	return nil
}

// parseGetAndTouch reads <exptime> <key>+.
func (r *Request) parseGetAndTouch(c Command, rest []byte) *Error {
	r.Command = c
	exptime, rest := NextToken(rest)
	if len(exptime) == 0 {
		return ErrUnknown
	}
	var ok bool
	if r.Exptime, ok = parseInt(exptime); !ok {
		return errExptime
	}
	return r.parseGet(c, rest)
}

// MayBeLong tells whether a line that begins like this may be of any length.
// The keys of the four gets may: they are carried out as they come.
func MayBeLong(line []byte) bool {
	name, rest := NextToken(line)
	return len(rest) > 0 && gets(name) != 0
}

// ParseLong reads, as Parse does, the beginning of a line for which MayBeLong
// holds. It returns what follows: keys, which are not checked yet.
func (r *Request) ParseLong(line []byte) (keys []byte, err *Error) {
	r.reset()
	name, rest := NextToken(line)
	r.Command = gets(name)
	switch r.Command {
	case Get, Gets:
		return rest, nil
	case Gat, Gats:
		exptime, rest := NextToken(rest)
		var ok bool
		if r.Exptime, ok = parseInt(exptime); !ok {
			return rest, errExptime
		}
		return rest, nil
	}
	return rest, ErrLineTooLong
}

// gets returns which of the four gets has the name, 0 for none.
func gets(name []byte) Command {
	switch string(name) {
	case "get":
		return Get
	case "gets":
		return Gets
	case "gat":
		return Gat
	case "gats":
		return Gats
	}
	return 0
}

// NextKey splits the next key off the keys of a get. It returns an empty key
// when there is none left. It is where a get spends its time: one look at each
// byte finds the end and what may not be in a key.
func NextKey(keys []byte) (key, rest []byte, err *Error) {
	for len(keys) > 0 && keys[0] == ' ' {
		keys = keys[1:]
	}
	for i, c := range keys {
		if c > ' ' && c != 0x7f {
			continue
		}
		if c != ' ' || i > MaxKey {
			return nil, nil, errKey
		}
		return keys[:i], keys[i:], nil
	}
	if len(keys) > MaxKey {
		return nil, nil, errKey
	}
	return keys, nil, nil
}

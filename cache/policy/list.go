package policy

const none = ^uint32(0)

// link is a slot's place in the one list that it is in.
type link struct{ prev, next uint32 } // none at the ends

// list is a doubly linked list of slots. Lists of one policy share its links.
type list struct {
	links      *pages[link]
	head, tail uint32
}

func newList(links *pages[link]) list { return list{links, none, none} }

func (l *list) pushFront(slot uint32) {
	*l.links.grow(slot) = link{none, l.head}
	if l.head != none {
		l.links.at(l.head).prev = slot
	} else {
		l.tail = slot
	}
	l.head = slot
}

func (l *list) remove(slot uint32) {
	at := *l.links.at(slot)
	if at.prev != none {
		l.links.at(at.prev).next = at.next
	} else {
		l.head = at.next
	}
	if at.next != none {
		l.links.at(at.next).prev = at.prev
	} else {
		l.tail = at.prev
	}
}

func (l *list) moveToFront(slot uint32) {
	if l.head != slot {
		l.remove(slot)
		l.pushFront(slot)
	}
}

// towardsHead returns the slot before slot, or none.
func (l *list) towardsHead(slot uint32) uint32 { return l.links.at(slot).prev }

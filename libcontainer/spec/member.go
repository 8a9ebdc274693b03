package spec

import "teu/internal/jsonscan"

// Member is where the value of a member of the outermost object stands in the text of a config.json that Load has read: the
// offset of its first byte and of the one behind its last. Both are 0 when there is none. What comes behind it is not looked
// at: of what Go writes that is linux, the most of it.
func Member(text []byte, name string) (from, to int) {
	s := jsonscan.Scanner{Text: string(text), KeepBytes: true, MaxDepth: maxDepth}
	for open := false; ; {
		key, _, ok := s.Name(&open)
		if !ok {
			return 0, 0
		}
		s.Peek()
		from = s.Pos
		if s.Skip(); s.Failed() {
			return 0, 0
		}
		if key == name { // one given twice has been refused
			return from, s.Pos
		}
	}
}

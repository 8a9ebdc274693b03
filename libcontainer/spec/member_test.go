package spec

import (
	"testing"
)

func TestMember(t *testing.T) {
	for text, want := range map[string]string{
		`{"annotations":{"a":"b"}}`: `{"a":"b"}`,
		"{ \"x\" : [1, {\"annotations\": 2}],\n \"annotations\" :\t{ \"a\" : \"}\" }\n}": `{ "a" : "}" }`,
		`{"Annotations":{"a":"b"}, "annotations":{}, "linux": broken`:                    `{}`,
		`{"annot\u0061tions":{"\ud83d\ude00":"\u0000"}}`:                                 `{"\ud83d\ude00":"\u0000"}`,
		"{\"a\":\"\xff\",\"annotations\":{\"\xff\":\"\xfe\"}}":                           "{\"\xff\":\"\xfe\"}",
		`{"annotations":null}`:         `null`,
		`{"linux":{"annotations":{}}}`: "",
		`{}`:                           "",
		``:                             "",
		`{"annotations":{`:             "",
	} {
		from, to := Member([]byte(text), "annotations")
		if got := text[from:to]; got != want {
			t.Errorf("annotations of %q: got %q, from %d to %d, want %q", text, got, from, to, want)
		}
	}
}

// TestMemberIsWhatLoadReads: of what is accepted, the part is read as it was in its place.
func TestMemberIsWhatLoadReads(t *testing.T) {
	text := []byte("{\"hooks\": {\"poststop\": [{\"path\": \"/é\\u0041\", \"args\": [\"<\"], \"timeout\": 3}]}, \"hostname\": \"h\"}")
	s, err := Decode("config.json", text)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	from, to := Member(text, "hooks")
	h, err := DecodeHooks("hooks", text[from:to])
	if err != nil || len(h.Poststop) != 1 || h.Poststop[0].Path != s.Hooks.Poststop[0].Path || *h.Poststop[0].Timeout != 3 {
		t.Errorf("decode the hooks alone: got %+v, %v, want %+v", h, err, s.Hooks)
	}
	if _, err := DecodeHooks("hooks", text[from:to-1]); err == nil {
		t.Error("decode a part of the hooks: got no error, want one")
	}
}

package store

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fill sets every field below v to something that is not its zero value, so
// that a field the codec does not know shows.
func fill(t *testing.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC)))
		return
	case Phase:
		v.SetString(string(Created))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i, f := range slices.Collect(v.Type().Fields()) {
			if f.IsExported() && f.Tag.Get("json") != "-" {
				fill(t, v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("plain \" \\ \n\t\x01 / é 漢 😀")
	case reflect.Int:
		v.SetInt(1<<31 - 1)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1<<32 - 1)
	default:
		t.Fatalf("fill a field of type %v: got no rule for it, want one", v.Type())
	}
}

func TestEveryFieldSurvives(t *testing.T) {
	full := new(State)
	fill(t, reflect.ValueOf(full).Elem())
	for name, st := range map[string]*State{
		"all fields set": full,
		"only the least": {ID: "a", Phase: Creating},
	} {
		t.Run(name, func(t *testing.T) {
			data := st.encode()
			got, err := decode(data)
			if err != nil || !reflect.DeepEqual(got, st) {
				t.Errorf("decode: %v\n got %+v\nwant %+v", err, got, st)
			}
			var std State
			if err := json.Unmarshal(data, &std); err != nil || !reflect.DeepEqual(&std, st) {
				t.Errorf("encoding/json reads it differently: %v\n got %+v\nwant %+v", err, &std, st)
			}
			data, err = json.MarshalIndent(st, "", " ")
			if err != nil {
				t.Fatalf("marshal with encoding/json: %v", err)
			}
			got, err = decode(data)
			if err != nil || !reflect.DeepEqual(got, st) {
				t.Errorf("what encoding/json wrote: %v\n got %+v\nwant %+v", err, got, st)
			}
		})
	}
}

func TestPathsThatAreNoUTF8Survive(t *testing.T) {
	st := &State{ID: "a", Phase: Running, Bundle: "/\xff\xfe/\xc3"}
	if got, err := decode(st.encode()); err != nil || got.Bundle != st.Bundle {
		t.Errorf("decode: got %+v, %v, want the bundle %q", got, err, st.Bundle)
	}
}

func TestDecodeEscapes(t *testing.T) {
	for in, want := range map[string]string{
		`\"\\\/\b\f\n\r\t`: "\"\\/\b\f\n\r\t",
		`\u0041\u00e9`:     "Aé",
		`\ud83d\ude00`:     "😀",
		`\ud83dx`:          "\ufffdx",
		`\ud83d\u0041`:     "\ufffdA",
		`\ude00`:           "\ufffd",
	} {
		st, err := decode([]byte(`{"id":"` + in + `","phase":"created"}`))
		if err != nil || st.ID != want {
			t.Errorf("%s: got %+v, %v, want %q", in, st, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":            "",
		"a torn record":      `{"id":"a","phase":"crea`,
		"no closing brace":   `{"id":"a","phase":"created"`,
		"data after the end": `{"id":"a","phase":"created"}}`,
		"NUL after the end":  "{\"id\":\"a\",\"phase\":\"created\"}\x00",
		"no id":              `{"phase":"created"}`,
		"no phase":           `{"id":"a"}`,
		"unknown phase":      `{"id":"a","phase":"paused"}`,
		"id of wrong type":   `{"id":1,"phase":"created"}`,
		"negative pid":       `{"id":"a","phase":"created","init":{"pid":-1}}`,
		"huge pid":           `{"id":"a","phase":"created","init":{"pid":2147483648}}`,
		"fractional pid":     `{"id":"a","phase":"created","init":{"pid":1.5}}`,
		"bad time":           `{"id":"a","phase":"created","created":"yesterday"}`,
		"bare newline":       "{\"id\":\"a\n\",\"phase\":\"created\"}",
		"bad escape":         `{"id":"\x","phase":"created"}`,
		"short escape":       `{"id":"a","phase":"created","x":"\u00"}`,
		"trailing comma":     `{"id":"a","phase":"created",}`,
		"deep nesting":       `{"id":"a","phase":"created","x":` + strings.Repeat("[", 1<<16),
		"an array":           `[]`,
	} {
		if st, err := decode([]byte(in)); err == nil {
			t.Errorf("decode %s: got %+v, want an error", name, st)
		}
	}
}

func TestUnknownKeysAreSkipped(t *testing.T) {
	st, err := decode([]byte(`{"new":{"a":[{},[],1e9,"x"]},"id":"a","init":{"new":1,"pid":7},"phase":"created"}`))
	if err != nil || st.ID != "a" || st.Init.Pid != 7 {
		t.Errorf("decode: got %+v, %v, want the id a and the pid 7", st, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"a","phase":"created","init":{"pid":7,"start":9},"annotations":{"a":"\u0041"},"cgroup":[1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := decode(data)
		if err != nil {
			return
		}
		st.Annotations, st.oldHooks = nil, nil // which are read and not written
		again := st.encode()
		if back, err := decode(again); err != nil || !back.Created.Equal(st.Created) {
			t.Fatalf("decode %s: got %+v, %v, want it created at %v and no error", again, back, err, st.Created)
		} else if back.Created = st.Created; !reflect.DeepEqual(back, st) {
			t.Fatalf("decode %s: got %+v, want %+v", again, back, st)
		}
	})
}

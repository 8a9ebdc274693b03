package spec

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// fill sets every field below v, but for those of other platforms, to a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e, n)
			v.SetMapIndex(reflect.ValueOf("key "+strconv.Itoa(*n)), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if onLinux(v.Type().Field(i)) {
				fill(v.Field(i), n)
			}
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text " + strconv.Itoa(*n) + " \"\\\n\u00e9\U0001f40b")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic(v.Type().String())
	}
}

func onLinux(f reflect.StructField) bool {
	platform, ok := f.Tag.Lookup("platform")
	return !ok || slices.Contains(strings.Split(platform, ","), "linux")
}

func TestDecodeGivesEveryField(t *testing.T) {
	var want specs.Spec
	n := 0
	fill(reflect.ValueOf(&want).Elem(), &n)
	if n < 500 {
		t.Fatalf("values filled: got %d, want 500 or more", n)
	}
	for _, indent := range []string{"", "\t"} {
		text, err := json.MarshalIndent(&want, "", indent)
		if err != nil {
			t.Fatalf("marshal with the indent %q: %v", indent, err)
		}
		got, err := Decode("config.json", text)
		if err != nil {
			t.Fatalf("decode with the indent %q: %v", indent, err)
		}
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("decode with the indent %q:\n got %+v\nwant %+v", indent, got, want)
		}
	}
}

// TestDecodeTakesNamesAsTheyAre: in another case each name is an unknown one, of which there is a warning.
func TestDecodeTakesNamesAsTheyAre(t *testing.T) {
	names := 0
	places(reflect.TypeFor[specs.Spec](), "", "", func(before, after string) {
		i := strings.LastIndex(before, `{"`)
		name, isName := strings.CutSuffix(before[max(i, 0):], `":`)
		if i < 0 || !isName || name == `{"some.key` {
			return
		}
		names++
		name = name[2:]
		upper := before[:i] + `{"` + strings.ToUpper(name) + `":`
		if strings.ToUpper(name) == name {
			upper = before[:i] + `{"` + strings.ToLower(name) + `":`
		}
		for _, value := range []string{"7", `"text"`, "{}"} {
			got, ignored, err := decode("config.json", []byte(upper+value+after), (*decoder).readVersioned)
			want, _ := Decode("config.json", []byte(before[:i]+`{`+after))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("decode %s: got %+v, %v, want %+v, as without the name", upper+value+after, got, err, want)
			}
			if len(ignored) != 1 || !strings.HasSuffix(ignored[0].String(), ": got a name in another case, want "+strconv.Quote(name)+": it is ignored") {
				t.Errorf("decode %s: got the warnings %v, want one that names %s", upper+value+after, ignored, name)
			}
		}
	})
	if names < 100 {
		t.Errorf("names: got %d, want 100 or more", names)
	}
	s, ignored, err := decode("config.json", []byte(`{"linux": {"resources": {"CPU": {"shares": 9}, "cpu": {"shares": 8}, "Cpu": 1, "pids": null, "Pids": null}}}`), (*decoder).readVersioned)
	if err != nil || *s.Linux.Resources.CPU.Shares != 8 || len(ignored) != 2 {
		t.Errorf("decode CPU beside cpu: got %+v, %v, %v, want 8 shares and 2 warnings", s, ignored, err)
	}
}

func TestDecodeProcessAndResources(t *testing.T) {
	var p specs.Process
	var r specs.LinuxResources
	n := 0
	fill(reflect.ValueOf(&p).Elem(), &n)
	fill(reflect.ValueOf(&r).Elem(), &n)
	text, _ := json.Marshal(&p)
	gotP, err := DecodeProcess("process.json", text)
	if err != nil || !reflect.DeepEqual(gotP, &p) {
		t.Errorf("decode a process: got %+v, %v, want %+v", gotP, err, p)
	}
	text, _ = json.Marshal(&r)
	gotR, _, err := DecodeResources("-", text)
	if err != nil || !reflect.DeepEqual(gotR, &r) {
		t.Errorf("decode resources: got %+v, %v, want %+v", gotR, err, r)
	}
	if _, _, err := DecodeResources("-", []byte(`{"memory":{"limit":"1G"}}`)); err == nil ||
		err.Error() != "-:1:20: memory.limit: want int64, got string" {
		t.Errorf("decode resources with a limit that is text: got error %v, want -:1:20: memory.limit: want int64, got string", err)
	}
}

// sameAsJSON checks Decode against encoding/json; see Load for where they may differ.
func sameAsJSON(t *testing.T, text []byte) {
	t.Helper()
	var want specs.Spec
	jsonErr := json.Unmarshal(text, &want)
	got, ignored, err := decode("config.json", text, (*decoder).readVersioned)
	if len(ignored) > 0 {
		return // encoding/json takes the names in any case
	}
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("decode %q: got error %v of type %T, want one of type *Error", text, err, err)
	}
	switch {
	case err != nil && jsonErr != nil:
	case err != nil:
		if !strings.HasSuffix(e.Msg, " given twice") && !anotherString(e.Msg) &&
			strings.TrimSpace(string(text)) != "null" {
			t.Errorf("decode %q: got error %v, want none as of encoding/json", text, err)
		}
	case jsonErr != nil:
		if !otherPlatform(text) {
			t.Errorf("decode %q: got no error, want one as of encoding/json: %v", text, jsonErr)
		}
	default:
		want.Windows, want.Solaris, want.VM, want.ZOS, want.FreeBSD = nil, nil, nil, nil, nil
		if want.Process != nil {
			want.Process.CommandLine, want.Process.User.Username = "", ""
		}
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("decode %q: got %+v, want %+v as of encoding/json", text, got, &want)
		}
	}
	if e != nil && (e.Line < 1 || e.Column < 1 || e.Msg == "") {
		t.Errorf("decode %q: got error %+v, want a line, a column and a message", text, e)
	}
}

// anotherString reports whether msg is about a string that encoding/json would take for another than was written.
func anotherString(msg string) bool {
	return msg == "NUL character in a string" || strings.HasSuffix(msg, " is not UTF-8") || strings.HasSuffix(msg, " is half a surrogate pair")
}

// otherPlatform reports whether text may hold a field that Decode does not look at.
func otherPlatform(text []byte) bool {
	lower := strings.ToLower(string(text))
	for _, name := range []string{"windows", "olari", "vm", "zo", "freeb", "commandline", "username", "\\u", "ſ"} {
		if strings.Contains(lower, name) {
			return true
		}
	}
	return false
}

var texts = []string{
	`{}`, ` { } `, `{"ociVersion":"1.0.2"}`, `{"OCIversion":"1.0.2"}`, `null`, `[]`, `1`, `"x"`, `true`, ``, ` `, `{`,
	`}`, `{}}`,
	`{} x`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{a:1}`,
	`{"unknown":{"x":[1,2.5e-3,-0,true,false,null,"\u00e9"]}}`,
	`{"unknown":01}`, `{"unknown":-}`, `{"unknown":1.}`, `{"unknown":1e}`, `{"unknown":.5}`, `{"unknown":+1}`,
	`{"unknown":1E+5}`,
	`{"unknown":nul}`, `{"unknown":nulll}`, `{"unknown":truefalse}`, `{"unknown":"\x"}`, `{"unknown":"\u12"}`,
	`{"unknown":"\u12g4"}`,
	"{\"unknown\":\"\n\"}", "{\"unknown\":\"\x7f\"}", "{\"hostname\":\"a\xffb\"}", `{"hostname":"\ud800"}`,
	`{"hostname":"\ud83d\udc0b"}`,
	`{"hostname":"\ud83dx"}`, `{"hostname":"\ud83d\ud83d"}`, `{"hostname":"\udc0b\ud83d"}`, `{"hostname":"\ud83d\u0041"}`,
	`{"hostname":"\"\\\/\b\f\n\r\t\u00e9"}`, `{"hostname":"\u0000"}`, `{"hostname":"a\`, `{"hostname":"\u00`,
	`{"hostname":null}`,
	`{"hostname":1}`, `{"hostname":{}}`, `{"process":null}`, `{"process":{}}`, `{"process":[]}`,
	`{"process":{"user":null}}`,
	`{"process":{"args":null}}`, `{"process":{"args":[]}}`, `{"process":{"args":[null,"x"]}}`,
	`{"process":{"args":["x",]}}`,
	`{"process":{"args":["x" "y"]}}`, `{"process":{"args":"x"}}`, `{"process":{"args":[1]}}`,
	`{"process":{"args":[["x"]]}}`,
	`{"process":{"terminal":1}}`, `{"process":{"terminal":"true"}}`, `{"process":{"terminal":tru}}`,
	`{"process":{"terminal":null}}`,
	`{"process":{"user":{"uid":-1}}}`, `{"process":{"user":{"uid":-0}}}`, `{"process":{"user":{"uid":4294967295}}}`,
	`{"process":{"user":{"uid":4294967296}}}`, `{"process":{"user":{"uid":1.0}}}`, `{"process":{"user":{"uid":1e2}}}`,
	`{"process":{"user":{"uid":"0"}}}`, `{"process":{"oomScoreAdj":-1000}}`, `{"process":{"oomScoreAdj":-0}}`,
	`{"process":{"oomScoreAdj":9223372036854775807}}`, `{"process":{"oomScoreAdj":9223372036854775808}}`,
	`{"process":{"oomScoreAdj":-9223372036854775808}}`, `{"process":{"oomScoreAdj":-9223372036854775809}}`,
	`{"process":{"rlimits":[{"hard":18446744073709551615}]}}`, `{"process":{"rlimits":[{"hard":18446744073709551616}]}}`,
	`{"linux":{"sysctl":null}}`, `{"linux":{"sysctl":{}}}`, `{"linux":{"sysctl":{"a":"b","c":null}}}`,
	`{"linux":{"sysctl":{"a":1}}}`,
	`{"linux":{"timeOffsets":{"boottime":null,"monotonic":{"secs":-5}}}}`, `{"annotations":{"":""}}`,
	`{"annotations":[]}`,
	`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":1,"minor":2,"weight":3}]}}}}`,
	`{"linux":{"resources":{"blockIO":{"weight":65536}}}}`, `{"linux":{"resources":{"memory":{"limit":null}}}}`,
	`{"mounts":[null,{"destination":"/a"}]}`, `{"mounts":{}}`, `{"mounts":[{"options":null},{"options":[]}]}`,
	`{"ociVersion":"1","ociVersion":"2"}`, `{"ociVersion":"1","OCIVERSION":"2"}`, `{"x":1,"x":2}`,
	`{"linux":{"sysctl":{"a":"1","a":"2"}}}`,
	`{"windows":{"layerFolders":5}}`, `{"windows":{"layerFolders":]}}`, `{"process":{"user":{"username":5}}}`, `{"vm":[}`,
	"\ufeff{}", "{\"proceſſ\":{}}", `{"linux":{"devices":[{"fileMode":438}]}}`, "{}\x00", "{}\n\n", "{\x00}",
}

func TestDecodeIsEncodingJSON(t *testing.T) {
	for _, text := range texts {
		sameAsJSON(t, []byte(text))
	}
}

// places calls visit with the text before and after each value that a t can hold.
func places(t reflect.Type, before, after string, visit func(before, after string)) {
	visit(before, after)
	switch t.Kind() {
	case reflect.Pointer:
		places(t.Elem(), before, after, visit)
	case reflect.Slice:
		places(t.Elem(), before+"[", "]"+after, visit)
	case reflect.Map:
		places(t.Elem(), before+`{"some.key":`, "}"+after, visit)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && onLinux(f) {
				places(f.Type, before+`{"`+name+`":`, "}"+after, visit)
			}
		}
	}
}

// Each place of a config gets each kind of value, right or wrong.
func TestDecodeIsEncodingJSONAtEveryPlace(t *testing.T) {
	values := []string{
		"null", "true", "false", "0", "-0", "-1", "7", "1.5", "1e3", "255", "256", "65536", "4294967296",
		"9223372036854775808",
		"99999999999999999999", `""`, `"text"`, `"\u00e9\n"`, "[]", "{}", "[null]", "[[]]", `["a","b"]`, `[{},{}]`,
		`{"a":null}`, `{"a":"b"}`, `{"a":{}}`,
	}
	n := 0
	places(reflect.TypeFor[specs.Spec](), "", "", func(before, after string) {
		for _, v := range values {
			n++
			sameAsJSON(t, []byte(before+v+after))
		}
	})
	if n < 5000 {
		t.Errorf("texts: got %d, want 5000 or more", n)
	}
}

func TestDecodeTornAnywhere(t *testing.T) {
	text, err := json.MarshalIndent(Example(true), "", " ")
	if err != nil {
		t.Fatalf("marshal the example: %v", err)
	}
	for n := range text {
		if _, err := Decode("config.json", text[:n]); err == nil {
			t.Fatalf("decode the first %d of %d bytes: got no error, want one", n, len(text))
		}
		sameAsJSON(t, text[:n])
	}
}

func TestDecodeDepth(t *testing.T) {
	for _, n := range []int{maxDepth - 1, maxDepth, 200000} {
		for _, pair := range []string{"[]", "{}"} {
			open, shut := pair[:1], pair[1:]
			if open == "{" {
				open = `{"x":`
			}
			// The object around it is one level itself.
			text := `{"unknown":` + strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) + "}"
			sameAsJSON(t, []byte(text))
			if _, err := Decode("config.json", []byte(text)); (err == nil) != (n < maxDepth) {
				t.Errorf("decode %d levels of %s: got error %v, want one: %v", n, pair, err, n >= maxDepth)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	for _, rootless := range []bool{false, true} {
		text, err := json.Marshal(Example(rootless))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	var all specs.Spec
	n := 0
	fill(reflect.ValueOf(&all).Elem(), &n)
	text, err := json.Marshal(&all)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(sameAsJSON)
}

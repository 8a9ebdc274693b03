package libcontainer

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec"
	"teu/nsenter/program/golden"
)

/*
Every field of the runtime-spec that applies to Linux is honoured, or refused by name. For each golden entry every value
that it sets is changed, one at a time: where the plan changes too, somebody has compiled the field. A field that no entry
shows that way has to be in the table of refusals; so the next version of the spec cannot slip in. The rooted tests say by
kit.Covers which fields they ask the kernel about.

The walk also writes docs/spec-conformance.md (make golden).
*/

// refused are the fields that make a container impossible, or have no effect, and why.
var refused = map[string]string{
	"linux.personality.flags[]": "the specification has no flags yet",
}

// field is a leaf of specs.Spec and what is known of it.
type field struct {
	path    string
	entries []string // golden entries in which it matters
	rooted  []string // tests that ask the kernel
}

// TestEveryFieldIsHonouredOrRefused holds all of it together.
func TestEveryFieldIsHonouredOrRefused(t *testing.T) {
	fields := map[string]*field{}
	walkType(reflect.TypeFor[specs.Spec](), "", func(path string) { fields[path] = &field{path: path} })
	if len(fields) < 150 {
		t.Fatalf("fields of the spec: got %d, want 150 or more: the walk does not see it", len(fields))
	}
	for name, w := range allEntries() {
		for _, path := range sensitive(t, w) {
			f, ok := fields[path]
			if !ok {
				t.Fatalf("entry %s sets %s: got no field for Linux of that path, want one", name, path)
			}
			f.entries = append(f.entries, name)
		}
	}
	for path, tests := range coveredByTests(t) {
		f, ok := fields[path]
		if !ok {
			t.Errorf("%v cover %s: got no field for Linux of that path, want one", tests, path)
			continue
		}
		f.rooted = tests
	}
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		f := fields[path]
		_, no := refused[path]
		switch {
		case no && len(f.entries) > 0:
			t.Errorf("%s: got refused, and compiled in %v, want one of the two", path, f.entries)
		case no:
			continue
		case len(f.entries) == 0:
			t.Errorf("%s: got no golden entry in which it makes a difference, and no refusal, want one of the two", path)
		case len(f.rooted) == 0:
			t.Errorf("%s: got no rooted test that covers it, want one", path)
		}
	}
	for path := range refused {
		if fields[path] == nil {
			t.Errorf("refused %s: got no field for Linux of that path, want one", path)
		}
	}
	golden.File(t, "../docs/spec-conformance.md", conformancePage(fields))
}

// allEntries are the golden entries, and the base itself.
func allEntries() map[string]with {
	all := map[string]with{"small": {"small", func(*specs.Spec, *initFacts) {}}}
	for room, list := range goldenFields() {
		for _, w := range list {
			all[room+"/"+w.name] = w
		}
	}
	return all
}

// walkType visits the leaves of t that are for Linux: "mounts[].options[]", "linux.sysctl{}".
func walkType(t reflect.Type, path string, visit func(path string)) {
	switch t.Kind() {
	case reflect.Pointer:
		walkType(t.Elem(), path, visit)
	case reflect.Slice:
		walkType(t.Elem(), path+"[]", visit)
	case reflect.Map:
		walkType(t.Elem(), path+"{}", visit)
	case reflect.Struct:
		for _, f := range members(t) {
			walkType(f.Type, joinPath(path, f.name), visit)
		}
	default:
		visit(path)
	}
}

type member struct {
	reflect.StructField
	name string // in JSON
}

// members are the fields of a struct for Linux, those of embedded ones included.
func members(t reflect.Type) (list []member) {
	for f := range t.Fields() {
		platforms := f.Tag.Get("platform")
		if platforms != "" && !slices.Contains(strings.Split(platforms, ","), "linux") {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			list = append(list, members(f.Type)...)
			continue
		}
		list = append(list, member{f, name})
	}
	return list
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// sensitive are the fields that an entry sets and whose change changes the plan.
func sensitive(t *testing.T, w with) []string {
	t.Helper()
	text, tree, base := entryTree(t, w)
	found := map[string]bool{}
	walkTree(tree, reflect.TypeFor[specs.Spec](), "", "", func(path, place string, value any, set func(any)) {
		if found[path] || base != nil && base[place] == value {
			return
		}
		for _, other := range mutants(value) {
			set(other)
			if planText(t, w, tree) != text {
				found[path] = true
			}
		}
		set(value)
	})
	return slices.Sorted(maps.Keys(found))
}

// entryTree is the plan of an entry, its spec as a tree of JSON values, and the values of the base, which are nobody's but
// the entry "small"'s.
func entryTree(t *testing.T, w with) (text string, tree any, base map[string]any) {
	t.Helper()
	s := smallSpec()
	w.do(s, factsFor(s))
	tree = jsonTree(t, s)
	if w.name != "small" {
		base = map[string]any{}
		walkTree(jsonTree(t, smallSpec()), reflect.TypeFor[specs.Spec](), "", "", func(_, place string, value any, _ func(any)) {
			base[place] = value
		})
	}
	return planText(t, w, tree), tree, base
}

func jsonTree(t *testing.T, s *specs.Spec) (tree any) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("marshal the spec: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		t.Fatalf("decode the spec: %v", err)
	}
	return tree
}

// planText is the plan for what tree says, with the facts of the entry.
func planText(t *testing.T, w with, tree any) string {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatalf("marshal the tree: %v", err)
	}
	s, base := new(specs.Spec), smallSpec()
	if err := json.Unmarshal(text, s); err != nil {
		return err.Error() // a number that the type has no room for
	}
	f := factsFor(base)
	w.do(base, f)
	p, err := planOf(s, f)
	if err != nil {
		return "error: " + err.Error()
	}
	return p.String() + p.bytes()
}

// walkTree visits the scalars of a JSON tree. path is that of the field, place the one of the value itself.
func walkTree(v any, t reflect.Type, path, place string, visit func(path, place string, value any, set func(any))) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	child := func(name, at string, sub any, st reflect.Type, set func(any)) {
		switch sub.(type) {
		case map[string]any, []any:
			walkTree(sub, st, name, at, visit)
		case nil:
		default:
			visit(name, at, sub, set)
		}
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			child(path+"[]", place+"/"+string(rune('0'+i)), v[i], t.Elem(), func(x any) { v[i] = x })
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			set := func(x any) { v[key] = x }
			if t.Kind() == reflect.Map {
				child(path+"{}", place+"/"+key, v[key], t.Elem(), set)
				continue
			}
			for _, m := range members(t) {
				if m.name == key {
					child(joinPath(path, key), place+"/"+key, v[key], m.Type, set)
				}
			}
		}
	}
}

// mutants are other values of the same type.
func mutants(v any) []any {
	switch v := v.(type) {
	case bool:
		return []any{!v}
	case string:
		if v == "" {
			return []any{"x"}
		}
		return []any{"", v + "x"}
	case json.Number:
		if v == "0" {
			return []any{json.Number("1")}
		}
		return []any{json.Number("0"), v + "0"}
	}
	return nil
}

// TestRefusals: what is refused is named.
func TestRefusals(t *testing.T) {
	for path := range refused {
		s := smallSpec()
		if !setField(reflect.ValueOf(s).Elem(), strings.FieldsFunc(path, func(r rune) bool { return r == '.' })) {
			t.Errorf("set %s: got no such field, want one", path)
			continue
		}
		name := strings.NewReplacer("[]", "", "{}", "").Replace(path)
		// A whole section may be refused by its own name.
		named := func(p spec.Problem) bool { return strings.HasPrefix(name+".", plainPath(p.Path)+".") }
		r := spec.Validate(s, spec.Facts{})
		if slices.ContainsFunc(r.Problems, named) || slices.ContainsFunc(r.Warnings, named) {
			continue
		}
		text := planText(t, with{"", func(*specs.Spec, *initFacts) {}}, jsonTree(t, s))
		if section := name[:strings.LastIndexByte(name, '.')]; !strings.Contains(text, name) && !strings.Contains(text, section+": ") {
			t.Errorf("%s: got problems %v, warnings %v and the plan\n%s\nwant its name in one of them", path, r.Problems, r.Warnings, text)
		}
	}
}

// plainPath is a path without indices and keys.
func plainPath(path string) string {
	for {
		from := strings.IndexByte(path, '[')
		if from < 0 {
			return path
		}
		to := strings.IndexByte(path[from:], ']')
		path = path[:from] + path[from+to+1:]
	}
}

// setField sets the field at path to a value that is not the zero one.
func setField(v reflect.Value, path []string) bool {
	name := strings.NewReplacer("[]", "", "{}", "").Replace(path[0])
	for _, m := range members(v.Type()) {
		if m.name == name {
			return fill(v.FieldByName(m.Name), path)
		}
	}
	return false
}

func fill(v reflect.Value, path []string) bool {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fill(v.Index(0), path)
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		ok := fill(elem, path)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), elem)
		return ok
	case reflect.Struct:
		return len(path) > 1 && setField(v, path[1:])
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	default:
		return false
	}
	return true
}

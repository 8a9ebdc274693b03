package systemd

import (
	"fmt"
	"reflect"

	godbus "github.com/godbus/dbus/v5"

	"teu/internal/gvariant"
)

// Annotation is a property that an annotation of config.json asks for.
type Annotation struct {
	Name  string
	Value gvariant.Value
}

func (a *Annotation) property() (p Property, err error) {
	// reflect panics where a value is not of the type that its signature says, which gvariant.Parse does not let happen.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("annotations: systemd property %s: %v", a.Name, r)
		}
	}()
	t, rest := typeOf(a.Value.Sig)
	if t == nil || rest != "" {
		return p, fmt.Errorf("annotations: systemd property %s: type %q: not one of D-Bus", a.Name, a.Value.Sig)
	}
	v := reflect.New(t).Elem()
	fill(v, a.Value)
	return Property{Name: a.Name, Value: godbus.MakeVariant(v.Interface())}, nil
}

// typeOf is the Go type that godbus writes for the first complete type of a signature.
func typeOf(sig string) (t reflect.Type, rest string) {
	if sig == "" {
		return nil, ""
	}
	rest = sig[1:]
	switch sig[0] {
	case 'b':
		return reflect.TypeFor[bool](), rest
	case 'y':
		return reflect.TypeFor[byte](), rest
	case 'n':
		return reflect.TypeFor[int16](), rest
	case 'q':
		return reflect.TypeFor[uint16](), rest
	case 'i':
		return reflect.TypeFor[int32](), rest
	case 'u':
		return reflect.TypeFor[uint32](), rest
	case 'x':
		return reflect.TypeFor[int64](), rest
	case 't':
		return reflect.TypeFor[uint64](), rest
	case 'd':
		return reflect.TypeFor[float64](), rest
	case 's':
		return reflect.TypeFor[string](), rest
	case 'o':
		return reflect.TypeFor[godbus.ObjectPath](), rest
	case 'g':
		return reflect.TypeFor[godbus.Signature](), rest
	case 'v':
		return reflect.TypeFor[godbus.Variant](), rest
	case 'a':
		return arrayOf(rest)
	case '(':
		return structOf(rest)
	}
	return nil, rest
}

func arrayOf(sig string) (t reflect.Type, rest string) {
	if sig == "" || sig[0] != '{' {
		if t, rest = typeOf(sig); t == nil {
			return nil, rest
		}
		return reflect.SliceOf(t), rest
	}
	key, rest := typeOf(sig[1:])
	value, rest := typeOf(rest)
	if key == nil || value == nil || rest == "" || !key.Comparable() {
		return nil, rest
	}
	return reflect.MapOf(key, value), rest[1:]
}

func structOf(sig string) (t reflect.Type, rest string) {
	var fields []reflect.StructField
	for rest = sig; rest != "" && rest[0] != ')'; {
		if t, rest = typeOf(rest); t == nil {
			return nil, rest
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", len(fields)), Type: t})
	}
	if rest == "" {
		return nil, ""
	}
	return reflect.StructOf(fields), rest[1:]
}

// fill sets to, which has the type of v's signature, to v.
func fill(to reflect.Value, v gvariant.Value) {
	switch x := v.V.(type) {
	case []gvariant.Value:
		if to.Kind() == reflect.Struct {
			for i := range x {
				fill(to.Field(i), x[i])
			}
			return
		}
		to.Set(reflect.MakeSlice(to.Type(), len(x), len(x)))
		for i := range x {
			fill(to.Index(i), x[i])
		}
	case []gvariant.Entry:
		to.Set(reflect.MakeMapWithSize(to.Type(), len(x)))
		for i := range x {
			key, value := reflect.New(to.Type().Key()).Elem(), reflect.New(to.Type().Elem()).Elem()
			fill(key, x[i].Key)
			fill(value, x[i].Value)
			to.SetMapIndex(key, value)
		}
	case gvariant.Value:
		t, _ := typeOf(x.Sig)
		inner := reflect.New(t).Elem()
		fill(inner, x)
		to.Set(reflect.ValueOf(godbus.MakeVariant(inner.Interface())))
	case string:
		if v.Sig == "g" {
			to.Set(reflect.ValueOf(godbus.ParseSignatureMust(x)))
			return
		}
		to.SetString(x)
	default:
		to.Set(reflect.ValueOf(v.V))
	}
}

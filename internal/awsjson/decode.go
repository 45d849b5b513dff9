package awsjson

import (
	"encoding/json"
	"reflect"
)

// A decoder fills a Go struct from a document and collects what breaks a
// constraint. Values that do are stored all the same: the caller looks at the
// problems before it looks at the struct.
type decoder struct {
	document
	namespace string
	problems  problems
}

// decode returns a SerializationException or a ValidationException, or fills
// dst, which must be a settable struct described by s.
func decode(s *structure, namespace string, body []byte, levels int, dst reflect.Value) error {
	if err := check(body, levels); err != nil {
		return err
	}
	d := decoder{document: body, namespace: namespace}
	if err := d.structure(s, d.space(0), dst, nil); err != nil {
		return err
	}
	return d.problems.err()
}

func (d *decoder) structure(s *structure, at int, dst reflect.Value, p *path) error {
	switch d.document[at] {
	case '{':
	case '[':
		if p == nil {
			return serialization("Start of list found where not expected")
		}
		return serialization("Unrecognized collection type class " + d.namespace + "." + s.name)

	default:
		return serialization("Unexpected field type")
	}

	var few [12]int
	values := d.find(s, at, few[:0])
	for i := range s.members {
		m := &s.members[i]
		here := path{parent: p, label: m.label}
		if values[i] == 0 || d.document[values[i]] == 'n' {
			if m.required {
				d.problems.null(&here)
			}
			continue
		}

		field := dst.Field(m.field)
		if m.pointer {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}

		if err := d.value(m, values[i], field, &here); err != nil {
			return err
		}
	}

	return nil
}

// find returns where the value of each member starts, zero when it is absent.
// Of a name that comes twice the last one counts.
func (d *decoder) find(s *structure, at int, values []int) []int {
	for range s.members {
		values = append(values, 0)
	}

	for at, ok := d.first(at); ok; {
		name, value := d.key(at)
		for i := range s.members {
			if s.members[i].name == string(name) {
				values[i] = value
			}
		}

		at, ok = d.next(d.end(value))
	}

	return values
}

func (d *decoder) value(m *member, at int, dst reflect.Value, p *path) error {
	switch m.kind {
	case text:
		s, err := d.text(at)
		if err != nil {
			return err
		}

		dst.SetString(s)
		m.rule.checkText(&d.problems, p, s)
	case integer:
		n, err := d.integer(at)
		if err != nil {
			return err
		}

		dst.SetInt(int64(n))
		if m.rule.Bounded {
			m.rule.checkBounds(&d.problems, p, n, "value", func() string { return m.rule.show(string(appendInt(nil, n))) })
		}
	case boolean:
		b, err := d.boolean(at)
		if err != nil {
			return err
		}

		dst.SetBool(b)

	case structureKind:
		return d.structure(m.of, at, dst, p)
	case textList:
		return d.textList(m, at, dst, p)
	case structureList:
		return d.structureList(m, at, dst, p)
	case custom:
		if dst.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(d.document[at:d.end(at)]) != nil {
			return d.mismatch(at, dst.Type().Name())
		}
	}

	return nil
}

func (d *decoder) list(at int) error {
	switch d.document[at] {
	case '[':
		return nil
	case '{':
		return serialization("Start of structure or map found where not expected")
	}
	return serialization("Unexpected field type")
}

// textList, as structureList, tells what is wrong with the list before what is
// wrong inside it.
func (d *decoder) textList(m *member, at int, dst reflect.Value, p *path) error {
	if err := d.list(at); err != nil {
		return err
	}

	before := d.problems
	d.problems = problems{}
	list, n := []string{}, 0
	for at, ok := d.first(at); ok; at, ok = d.next(d.end(at)) {
		n++
		if d.document[at] == 'n' {
			d.problems.null(&path{parent: p, index: n})
			continue
		}

		s, err := d.text(at)
		if err != nil {
			return err
		}

		list = append(list, s)
	}

	dst.Set(reflect.ValueOf(list).Convert(dst.Type()))
	inside := d.problems
	d.problems = before

	if m.rule.Bounded {
		m.rule.checkBounds(&d.problems, p, n, "length", func() string { return m.element.show(showList(list)) })
	}

	d.problems.join(inside)
	m.element.checkElements(&d.problems, p, list)
	return nil
}

// structureList keeps no more elements than the list may have, and validates
// the others for the count of problems.
func (d *decoder) structureList(m *member, at int, dst reflect.Value, p *path) error {
	if err := d.list(at); err != nil {
		return err
	}

	before := d.problems
	d.problems = problems{}
	list, n := reflect.MakeSlice(dst.Type(), 0, 4), 0
	for at, ok := d.first(at); ok; at, ok = d.next(d.end(at)) {
		n++
		here := path{parent: p, index: n}
		if d.document[at] == 'n' {
			d.problems.null(&here)
			continue
		}

		element := reflect.New(dst.Type().Elem()).Elem()
		if err := d.structure(m.of, at, element, &here); err != nil {
			return err
		}

		if !m.rule.Bounded || n <= m.rule.Max {
			list = reflect.Append(list, element)
		}
	}

	dst.Set(list)
	inside := d.problems
	d.problems = before

	if m.rule.Bounded {
		m.rule.checkBounds(&d.problems, p, n, "length", func() string { return m.rule.show(showStructures(m.of, list, n)) })
	}

	d.problems.join(inside)
	return nil
}

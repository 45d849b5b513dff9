package awsjson

import (
	"encoding/json"
	"reflect"
)

// A decoder fills a Go struct from a document and collects violated constraints. It
// also stores values that violate them: the problems are examined before the struct
// is used.
type decoder struct {
	document
	namespace string
	problems  problems
}

// decode fills dst, a settable struct with the given schema. It returns a
// SerializationException or a ValidationException.
func decode(schema *structure, namespace string, body []byte, levels int, dst reflect.Value) error {
	if err := checkSyntax(body, levels); err != nil {
		return err
	}
	decoder := decoder{document: body, namespace: namespace}
	if err := decoder.structure(schema, decoder.skipSpace(0), dst, nil); err != nil {
		return err
	}
	return decoder.problems.err()
}

func (d *decoder) structure(schema *structure, at int, dst reflect.Value, location *path) error {
	switch d.document[at] {
	case '{':
	case '[':
		if location == nil {
			return serializationError("Start of list found where not expected")
		}
		return serializationError("Unrecognized collection type class " + d.namespace + "." + schema.name)

	default:
		return serializationError("Unexpected field type")
	}

	var few [12]int
	values := d.find(schema, at, few[:0])
	for i := range schema.members {
		member := &schema.members[i]
		here := path{parent: location, label: member.label}
		if values[i] == 0 || d.document[values[i]] == 'n' {
			if member.required {
				d.problems.null(&here)
			}
			continue
		}

		field := dst.Field(member.field)
		if member.pointer {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}

		if err := d.value(member, values[i], field, &here); err != nil {
			return err
		}
	}

	return nil
}

// find returns the position of each member's value, zero if it is absent. The last
// of several members of one name counts.
func (d *decoder) find(schema *structure, at int, values []int) []int {
	for range schema.members {
		values = append(values, 0)
	}

	for at, ok := d.first(at); ok; {
		name, value := d.key(at)
		for i := range schema.members {
			if schema.members[i].name == string(name) {
				values[i] = value
			}
		}

		at, ok = d.next(d.end(value))
	}

	return values
}

func (d *decoder) value(member *member, at int, dst reflect.Value, location *path) error {
	switch member.kind {
	case text:
		text, err := d.text(at)
		if err != nil {
			return err
		}

		dst.SetString(text)
		member.rule.checkText(&d.problems, location, text)
	case integer:
		number, err := d.integer(at)
		if err != nil {
			return err
		}

		dst.SetInt(int64(number))
		if member.rule.Bounded {
			member.rule.checkBounds(&d.problems, location, number, "value", func() string {
				return member.rule.show(string(appendInt(nil, number)))
			})
		}
	case boolean:
		b, err := d.boolean(at)
		if err != nil {
			return err
		}

		dst.SetBool(b)

	case structureKind:
		return d.structure(member.of, at, dst, location)
	case textList:
		return d.textList(member, at, dst, location)
	case structureList:
		return d.structureList(member, at, dst, location)
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
		return serializationError("Start of structure or map found where not expected")
	}
	return serializationError("Unexpected field type")
}

// textList, like structureList, reports the problems of the list before those of its
// elements.
func (d *decoder) textList(member *member, at int, dst reflect.Value, location *path) error {
	if err := d.list(at); err != nil {
		return err
	}

	before := d.problems
	d.problems = problems{}
	list, count := []string{}, 0
	for at, ok := d.first(at); ok; at, ok = d.next(d.end(at)) {
		count++
		if d.document[at] == 'n' {
			d.problems.null(&path{parent: location, index: count})
			continue
		}

		text, err := d.text(at)
		if err != nil {
			return err
		}

		list = append(list, text)
	}

	dst.Set(reflect.ValueOf(list).Convert(dst.Type()))
	inside := d.problems
	d.problems = before

	if member.rule.Bounded {
		member.rule.checkBounds(&d.problems, location, count, "length", func() string {
			return member.element.show(showList(list))
		})
	}

	d.problems.join(inside)
	member.element.checkElements(&d.problems, location, list)
	return nil
}

// structureList keeps at most as many elements as the list may have. It validates
// all, to count the problems.
func (d *decoder) structureList(member *member, at int, dst reflect.Value, location *path) error {
	if err := d.list(at); err != nil {
		return err
	}

	before := d.problems
	d.problems = problems{}
	list, count := reflect.MakeSlice(dst.Type(), 0, 4), 0
	for at, ok := d.first(at); ok; at, ok = d.next(d.end(at)) {
		count++
		here := path{parent: location, index: count}
		if d.document[at] == 'n' {
			d.problems.null(&here)
			continue
		}

		element := reflect.New(dst.Type().Elem()).Elem()
		if err := d.structure(member.of, at, element, &here); err != nil {
			return err
		}

		if !member.rule.Bounded || count <= member.rule.Max {
			list = reflect.Append(list, element)
		}
	}

	dst.Set(list)
	inside := d.problems
	d.problems = before

	if member.rule.Bounded {
		member.rule.checkBounds(&d.problems, location, count, "length", func() string {
			return member.rule.show(showStructures(member.of, list, count))
		})
	}

	d.problems.join(inside)
	return nil
}

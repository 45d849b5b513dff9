package sigv4

import (
	"slices"
	"strings"
)

// areas are the beginnings of AWS's region names, as in the patterns of its
// partitions.
var areas = []string{
	"af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us",
	"eu-isoe", "us-gov", "us-iso", "us-isob", "us-isof", "eusc-de",
}

// directions follow the area.
var directions = []string{
	"central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west",
}

// isRegion reports whether text has the form of an AWS region: an area, a direction
// and a digit. A region becomes part of ARNs and of keys, and quotas are for each
// region: they bound nothing if callers can invent as many regions as they like.
func isRegion(text string) bool {
	rest, number, ok := cutLast(text)
	if !ok || len(number) != 1 || number < "1" || number > "9" {
		return false
	}
	area, direction, ok := cutLast(rest)
	return ok && slices.Contains(areas, area) && slices.Contains(directions, direction)
}

// cutLast cuts text at the last hyphen.
func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '-')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

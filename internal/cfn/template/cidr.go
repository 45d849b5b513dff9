package template

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// getAZs returns the availability zones of a region. Every region has three here, as
// most have.
func (e *evaluator) getAZs(n, arg *syntax.Node) (any, error) {
	region, err := e.text(n, arg, "Template error: every Fn::GetAZs object must have a String-typed value.")
	if err != nil {
		return nil, err
	}
	if region == "" {
		region, _ = e.in.Pseudo["AWS::Region"].(string)
	}
	return []any{region + "a", region + "b", region + "c"}, nil
}

// cidr divides an address block into a number of blocks of the same size.
func (e *evaluator) cidr(node, arg *syntax.Node) (any, error) {
	const complaint = "Template error: Fn::Cidr requires a valid address block, a count from 1 to 256 and a " +
		"number of bits"
	text := []string{"", "", "8"}
	for i, it := range arg.Items {
		var err error
		if text[i], err = e.text(node, it, complaint); err != nil {
			return nil, err
		}
	}

	prefix, err := netip.ParsePrefix(text[0])
	count, err2 := strconv.Atoi(text[1])
	bits, err3 := strconv.Atoi(text[2])
	if err != nil || err2 != nil || err3 != nil || count < 1 || count > 256 || bits < 1 {
		return nil, syntax.ErrorAt(node.Line, "%s", complaint)
	}

	size := prefix.Addr().BitLen()
	length := size - bits
	if length < prefix.Bits() || length-prefix.Bits() < 9 && count > 1<<(length-prefix.Bits()) {
		return nil, syntax.ErrorAt(node.Line, "Template error: Fn::Cidr: %s does not hold %d blocks of %d bits",
			syntax.Clip(text[0]), count, bits)
	}

	out := make([]any, count)
	for i := range out {
		out[i] = netip.PrefixFrom(nthBlock(prefix.Masked().Addr(), i, bits), length).String()
	}

	return out, nil
}

// nthBlock adds i blocks of 2^bits addresses to an address.
func nthBlock(addr netip.Addr, i, bits int) netip.Addr {
	if addr.Is4() {
		b := addr.As4()
		v := binary.BigEndian.Uint32(b[:]) + uint32(i)<<bits
		binary.BigEndian.PutUint32(b[:], v)

		return netip.AddrFrom4(b)
	}

	b := addr.As16()
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if bits >= 64 {
		high += uint64(i) << (bits - 64)
	} else {
		sum := low + uint64(i)<<bits
		high += uint64(i) >> (64 - bits)
		if sum < low {
			high++
		}

		low = sum
	}

	binary.BigEndian.PutUint64(b[:8], high)
	binary.BigEndian.PutUint64(b[8:], low)
	return netip.AddrFrom16(b)
}

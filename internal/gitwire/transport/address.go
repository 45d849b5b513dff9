package transport

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/netaddr"
)

func checkAddress(address string, options NetworkOptions) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", giterr.ErrAddress, giterr.Quote([]byte(address)))
	}
	if why := refusal(parsed.Addr(), options); why != "" {
		return fmt.Errorf("%w: %s is %s", giterr.ErrAddress, parsed.Addr(), why)
	}
	return nil
}

// refusal returns why an address may not be dialled, "" if it may. Instance metadata and
// link-local addresses are refused whatever the options are.
func refusal(address netip.Addr, options NetworkOptions) string {
	address = withoutNAT64(address.Unmap().WithZone(""))
	switch {
	case !address.IsValid(), address.IsUnspecified(), address.IsMulticast():
		return "not the address of a host"
	case contains(address, metadataRanges...):
		return "an instance metadata address"
	case address.IsLinkLocalUnicast(), contains(address, "fec0::/10"):
		return "a link-local address"
	case address.IsLoopback():
		if !options.AllowLoopback {
			return "a loopback address"
		}
	case address.IsPrivate(), contains(address, "100.64.0.0/10", "198.18.0.0/15"):
		if !options.AllowPrivate {
			return "a private address"
		}
	case contains(address, reservedRanges...):
		return "a reserved address"
	}

	return ""
}

// metadataRanges are where clouds serve credentials: AWS, Google, Alibaba, Oracle and Azure.
var metadataRanges = []string{
	"169.254.0.0/16", "fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",
}

// reservedRanges are ranges of the IANA special-purpose registries without hosts, and tunnels
// (6to4, Teredo, IPv4-compatible), which hide another address.
var reservedRanges = []string{
	"0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
}

func contains(a netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// withoutNAT64 returns the IPv4 address in a NAT64 address.
func withoutNAT64(address netip.Addr) netip.Addr {
	if !address.Is6() || !contains(address, "64:ff9b::/96") {
		return address
	}
	b := address.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

// plainHost returns a URL's host in lower case, without a dot at its end.
func plainHost(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

// isLocal reports whether a host is this machine by its name or address. It is broader than
// [netaddr.IsLoopback], because requests to it bypass the proxy: names within .localhost are
// local too, and NAT64 addresses of loopback. What is then dialled must be a loopback address.
func isLocal(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		host = withoutNAT64(address.Unmap().WithZone("")).String()
	}
	return netaddr.IsLoopback(host) || strings.HasSuffix(host, ".localhost")
}

// hostRefusal returns why a host may not be reached through a proxy, "" if it may. An address
// is refused as if it were dialled. Numbers that only some programs take for an address (127.1,
// 0x7f000001) are refused, and so are names that are not ASCII, which would be sent in another
// form than the one that was checked.
func hostRefusal(host string, options NetworkOptions) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return refusal(a, options)
	}

	if isLocal(host) {
		if !options.AllowLoopback {
			return "a loopback address"
		}
		return ""
	}

	outside := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._", c)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") || strings.ContainsFunc(host, outside) {
		return "not the name of a host"
	}

	return ""
}

// checkLoopback allows only loopback addresses.
func checkLoopback(address string) error {
	if err := checkAddress(address, NetworkOptions{AllowLoopback: true}); err != nil {
		return err
	}
	if ap, err := netip.ParseAddrPort(address); err != nil || !isLocal(ap.Addr().String()) {
		return fmt.Errorf("%w: %s is not a loopback address", giterr.ErrAddress, address)
	}
	return nil
}

package transport

import (
	"net/netip"
	"testing"
)

// Most of these addresses can be dialled nowhere, so the rule itself is tested.
func TestAttack16AddressesByClass(t *testing.T) {
	public, private := NetworkOptions{}, NetworkOptions{AllowPrivate: true}
	loopback, all := NetworkOptions{AllowLoopback: true}, NetworkOptions{AllowPrivate: true, AllowLoopback: true}
	tests := []struct {
		addresses []string
		open      []NetworkOptions
		closed    []NetworkOptions
	}{
		{
			[]string{"140.82.121.4", "2606:50c0:8000::153", "::ffff:140.82.121.4", "64:ff9b::8c52:7904"},
			[]NetworkOptions{public, private, loopback, all}, nil,
		},
		{
			[]string{
				"10.0.0.1",
				"172.16.9.9",
				"192.168.1.1",
				"100.64.0.1",
				"fc00::1",
				"fd12::1",
				"::ffff:10.0.0.1",
				"64:ff9b::a00:1",
			},
			[]NetworkOptions{private, all}, []NetworkOptions{public, loopback},
		},
		{
			[]string{"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"},
			[]NetworkOptions{loopback, all}, []NetworkOptions{public, private},
		},
		{
			[]string{
				"169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
				"fd00:ec2::254", "fd20:ce::254",
				"100.100.100.200", "168.63.129.16", "192.0.0.192", "fe80::1", "fe80::1%eth0", "fec0::1",
				"0.0.0.0", "0.1.2.3", "::",
				"224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "::127.0.0.1", "2002:7f00:1::",
				"2001:0:7f00:1::", "192.0.2.1",
			},
			nil, []NetworkOptions{public, private, loopback, all},
		},
	}
	for _, test := range tests {
		for _, address := range test.addresses {
			for _, options := range test.open {
				if why := refusal(netip.MustParseAddr(address), options); why != "" {
					t.Errorf("%s with %+v is refused as %s", address, options, why)
				}
			}

			for _, options := range test.closed {
				if why := refusal(netip.MustParseAddr(address), options); why == "" {
					t.Errorf("%s with %+v is let through", address, options)
				}
			}
		}
	}
}

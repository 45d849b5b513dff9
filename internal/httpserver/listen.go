package httpserver

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Listen listens on the address of a setting. Its error names the flag and, for a port in use, the
// process that uses it.
func Listen(setting, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf(
			"%s is already in use by %s; choose another address with --%s",
			addr,
			portOwner(addr),
			setting,
		)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", setting, err)
	}

	return listener, nil
}

// IsLoopback reports whether only this machine can reach addr.
func IsLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// LocalAddress returns the HOST:PORT at which this machine reaches addr.
func LocalAddress(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}

package gitwiretest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSHOptions configure an SSHServer.
type SSHOptions struct {
	// Keys are the private keys, in PEM, of accepted users of any name. Defaults to
	// SSHServer.Key.
	Keys []string
	// HostKeys are the server's private keys, in PEM. Defaults to a new one.
	HostKeys []string
	// SHA1 accepts only SHA-1 signatures of RSA keys, as old servers do.
	SHA1 bool
	// RefuseEnv ignores requests for protocol version 2, as OpenSSH does by default.
	RefuseEnv bool
	// NoFilter serves without partial clone filters. Defaults to serving them.
	NoFilter bool
	// Once allows one session on each connection.
	Once bool
	// Answer runs commands instead of git and returns their status, if it is not nil.
	Answer func(command string, stdin io.Reader, stdout, stderr io.Writer) (status uint32)
}

// An SSHServer serves the bare repositories of a folder over SSH. It is closed at the end of
// the test.
type SSHServer struct {
	// URL is the address, with the user git, to which the path of a repository is appended.
	URL string
	// Address is the server's host:port.
	Address string
	// KnownHosts is a file with the server's keys.
	KnownHosts string
	// Key is an accepted private key, in PEM.
	Key string

	o        SSHOptions
	t        testing.TB
	folder   string
	program  string
	listener net.Listener
	conns    atomic.Int64
	mu       sync.Mutex
	open     []net.Conn
	commands []string
}

// NewSSHServer serves the folder at SSHServer.URL + "/" + the path of a repository.
func NewSSHServer(t testing.TB, folder string, options SSHOptions) *SSHServer {
	t.Helper()
	server := &SSHServer{o: options, t: t, folder: folder, program: Program(t), Key: NewSSHKey(t)}
	if options.Keys == nil {
		server.o.Keys = []string{server.Key}
	}

	if options.HostKeys == nil {
		server.o.HostKeys = []string{NewSSHKey(t)}
	}

	var err error
	if server.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}

	server.Address = server.listener.Addr().String()
	server.URL = "ssh://git@" + server.Address
	server.KnownHosts = KnownHosts(t, server.Address, server.o.HostKeys...)
	config := server.config()
	var served sync.WaitGroup
	served.Go(func() { server.accept(config, &served) })
	t.Cleanup(func() {
		server.listener.Close()
		server.Drop()
		served.Wait()
	})

	return server
}

// NewSSHKey creates a private key, in PEM.
func NewSSHKey(t testing.TB) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return SSHKey(t, key)
}

// SSHKey returns a private key in PEM.
func SSHKey(t testing.TB, key any) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// KnownHosts writes a known_hosts file with the public halves of private keys for a server.
func KnownHosts(t testing.TB, address string, private ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range private {
		fmt.Fprintln(&b, knownhosts.Line([]string{address}, signer(t, p).PublicKey()))
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// SSHFingerprint returns the fingerprint of the public half of a private key.
func SSHFingerprint(t testing.TB, private string) string {
	t.Helper()
	return ssh.FingerprintSHA256(signer(t, private).PublicKey())
}

// Connections returns how many connections were accepted.
func (s *SSHServer) Connections() int64 { return s.conns.Load() }

// Commands returns and forgets the commands.
func (s *SSHServer) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.commands
	s.commands = nil
	return all
}

// Drop closes all connections, as a firewall or a restart does.
func (s *SSHServer) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.Close()
	}
	s.open = nil
}

func signer(t testing.TB, private string) ssh.Signer {
	t.Helper()
	key, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *SSHServer) config() *ssh.ServerConfig {
	let := map[string]bool{}
	for _, path := range s.o.Keys {
		let[string(signer(s.t, path).PublicKey().Marshal())] = true
	}

	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !let[string(key.Marshal())] {
				return nil, fmt.Errorf("unknown key")
			}
			return nil, nil
		},
		// Clients must sign with algorithms that are not unsafe.
		PublicKeyAuthAlgorithms: ssh.SupportedAlgorithms().PublicKeyAuths,
	}
	if s.o.SHA1 {
		config.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA}
	}

	for _, path := range s.o.HostKeys {
		config.AddHostKey(signer(s.t, path))
	}

	return config
}

func (s *SSHServer) accept(config *ssh.ServerConfig, served *sync.WaitGroup) {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.conns.Add(1)
		s.mu.Lock()
		s.open = append(s.open, connection)
		s.mu.Unlock()
		served.Go(func() { s.serve(connection, config, served) })
	}
}

func (s *SSHServer) serve(c net.Conn, config *ssh.ServerConfig, served *sync.WaitGroup) {
	defer c.Close()

	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return // the client was refused, or refuses the server
	}
	defer conn.Close()

	served.Go(func() { ssh.DiscardRequests(requests) })
	sessions := 0
	for requested := range channels {
		if sessions++; s.o.Once && sessions > 1 {
			_ = requested.Reject(ssh.Prohibited, "one session a connection")
			continue
		}

		channel, requests, err := requested.Accept()
		if err != nil {
			return
		}

		served.Go(func() { s.session(channel, requests) })
	}
}

func (s *SSHServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	env := Environment()
	for request := range requests {
		var text struct{ Name, Value string }
		var command struct{ Line string }
		switch {
		case request.Type == "env" && !s.o.RefuseEnv && ssh.Unmarshal(request.Payload, &text) == nil:
			env = append(env, text.Name+"="+text.Value)
			_ = request.Reply(true, nil)
		case request.Type == "exec" && ssh.Unmarshal(request.Payload, &command) == nil:
			s.mu.Lock()
			s.commands = append(s.commands, command.Line)
			s.mu.Unlock()
			_ = request.Reply(true, nil)
			status := s.run(command.Line, env, channel)
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))

			return

		default:
			_ = request.Reply(false, nil)
		}
	}
}

// run runs a command as a Git host does: only git-upload-pack, and no shell.
func (s *SSHServer) run(command string, env []string, channel ssh.Channel) (status uint32) {
	if s.o.Answer != nil {
		return s.o.Answer(command, channel, channel, channel.Stderr())
	}

	path, begins := strings.CutPrefix(command, "git-upload-pack '")
	path, ends := strings.CutSuffix(path, "'")
	if !begins || !ends || strings.ContainsAny(path, `'\`) {
		fmt.Fprintln(channel.Stderr(), "no such command")
		return 127
	}

	filter := "true"
	if s.o.NoFilter {
		filter = "false"
	}

	git := exec.Command(s.program, "-c", "uploadpack.allowFilter="+filter, "upload-pack", "--strict",
		filepath.Join(s.folder, filepath.Clean("/"+path)))
	git.Env = env
	stdin, err := git.StdinPipe()
	if err != nil {
		return 255
	}

	git.Stdout, git.Stderr = channel, channel.Stderr()
	if err := git.Start(); err != nil {
		return 255
	}

	go func() { // ends with the channel, which the client may leave open longer than git runs
		_, _ = io.Copy(stdin, channel)
		stdin.Close()
	}()
	if err := git.Wait(); err != nil {
		return 128
	}

	return 0
}

// go-libp2p's side of the comparison: /perf/1.0.0 over TCP, TLS and yamux. What it is told and prints: ../pair.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// What keeps a slip of the hand from taking the machine's memory.
const (
	bytesMax       = 64 << 30
	connectionsMax = 64
)

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("the first argument is serve or fetch"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	bytes := flags.Uint64("bytes", 0, "")
	address := flags.String("address", "", "")
	connections := flags.Int("connections", 1, "")
	if err := flags.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	if *bytes > bytesMax || *connections < 1 || *connections > connectionsMax {
		fail(errors.New("bytes or connections out of bounds"))
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(*bytes)
	case "fetch":
		err = fetch(*bytes, *address, *connections)
	default:
		err = fmt.Errorf("no command %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func say(fields map[string]any) {
	line, _ := json.Marshal(fields)
	fmt.Println(string(line))
}

// Until standard input ends.
func serve(bytes uint64) error {
	source := filled(bytes)
	node, err := newHost("/ip4/127.0.0.1/tcp/0")
	if err != nil {
		return err
	}
	defer node.Close()
	node.SetStreamHandler(perfProtocol, handler(source))
	addresses, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(node))
	if err != nil {
		return err
	}
	say(map[string]any{"address": addresses[0].String(), "version": version()})
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func fetch(bytes uint64, address string, connections int) error {
	server, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	into, err := newParts(bytes, connections)
	if err != nil {
		return err
	}
	// go-libp2p keeps one connection to a peer and opens streams on that: so a host a connection.
	hosts := make([]host.Host, connections)
	for i := range hosts {
		if hosts[i], err = newHost(); err != nil {
			return err
		}
		defer hosts[i].Close()
		if err := hosts[i].Connect(context.Background(), *server); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		into.clear()
		begin := time.Now()
		if err := into.fetch(hosts, server.ID); err != nil {
			return err
		}
		seconds := time.Since(begin).Seconds()
		if err := into.check(); err != nil {
			return err
		}
		say(map[string]any{"seconds": seconds, "equal_bytes": bytes})
	}
	return lines.Err()
}

func version() string {
	build, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range build.Deps {
			if module.Path == "github.com/libp2p/go-libp2p" {
				return module.Version
			}
		}
	}
	return "of unknown version"
}

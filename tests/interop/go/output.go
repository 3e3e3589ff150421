package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"runtime/debug"
	"sync"

	ma "github.com/multiformats/go-multiaddr"
)

type line map[string]any

var outputLock sync.Mutex

func printLine(l line) {
	text, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	outputLock.Lock()
	defer outputLock.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func toHex(bytes []byte) string { return hex.EncodeToString(bytes) }

func texts(addresses []ma.Multiaddr) []string {
	all := []string{}
	for _, address := range addresses {
		all = append(all, address.String())
	}
	return all
}

// The version of go-libp2p that was built in.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == "github.com/libp2p/go-libp2p" {
			return module.Version
		}
	}
	return "unknown"
}

package main

import (
	"encoding/binary"
	"fmt"
)

const wordBytes = 8

// The bytes that are fetched are a function of where they lie, so that the receiver can check every one of them:
// SplitMix64 of the word's number.
func word(number uint64) uint64 {
	z := (number + 1) * 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// The first `bytes` of it, whole words.
func filled(bytes uint64) []byte {
	buffer := make([]byte, bytes/wordBytes*wordBytes)
	for at := 0; at < len(buffer); at += wordBytes {
		binary.LittleEndian.PutUint64(buffer[at:], word(uint64(at/wordBytes)))
	}
	return buffer
}

// `offset` and the number of bytes are multiples of a word's size.
func check(offset uint64, bytes []byte) error {
	for at := 0; at < len(bytes); at += wordBytes {
		where := offset + uint64(at)
		if binary.LittleEndian.Uint64(bytes[at:]) != word(where/wordBytes) {
			return fmt.Errorf("the bytes from %d on differ", where)
		}
	}
	return nil
}

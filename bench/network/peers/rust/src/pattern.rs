//! The bytes that are fetched: a function of where they lie, so that the receiver can check every one of them.

use crate::Result;

pub const WORD_BYTES: usize = 8;

/// SplitMix64 of the word's number.
fn word(number: u64) -> [u8; WORD_BYTES] {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).to_le_bytes()
}

/// The first `bytes` of it.
pub fn filled(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    for (number, slot) in buffer.chunks_mut(WORD_BYTES).enumerate() {
        slot.copy_from_slice(&word(number as u64)[..slot.len()]);
    }
    buffer
}

/// `offset` is a multiple of a word's size.
pub fn check(offset: u64, bytes: &[u8]) -> Result<()> {
    let first = offset / WORD_BYTES as u64;
    for (number, slot) in bytes.chunks(WORD_BYTES).enumerate() {
        let number = first + number as u64;
        if slot != &word(number)[..slot.len()] {
            return Err(format!("the bytes from {} on differ", number * WORD_BYTES as u64).into());
        }
    }
    Ok(())
}

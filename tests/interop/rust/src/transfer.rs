//! Bytes over a stream, and their digests.

use std::io;

use futures::future::FutureExt as _;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::swarm::Stream;
use sha2::{Digest as _, Sha256};

pub const CHUNK_BYTES: usize = 64 * 1024;
const HEAD_BYTES: usize = 32;

/// What came on a stream: how much, its digest, and its first bytes, which are a short answer.
pub struct Received {
    pub bytes: u64,
    pub digest: Vec<u8>,
    pub head: Vec<u8>,
}

pub async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Received> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut head = Vec::new();
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(Received { bytes, digest: hash.finalize().to_vec(), head });
        }
        let part = &chunk[..count];
        hash.update(part);
        bytes += count as u64;
        head.extend_from_slice(&part[..count.min(HEAD_BYTES - head.len())]);
    }
}

/// Writes so many random bytes and closes; returns their digest.
pub async fn write_random(stream: &mut (impl AsyncWrite + Unpin), bytes: u64) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut hash = Sha256::new();
    let mut left = bytes;
    while left > 0 {
        let part = &mut chunk[..left.min(CHUNK_BYTES as u64) as usize];
        rand::fill(part);
        hash.update(&*part);
        stream.write_all(part).await?;
        left -= part.len() as u64;
    }
    stream.close().await?;
    Ok(hash.finalize().to_vec())
}

/// Writes so many random bytes while it reads the answer to its end; returns their digest, and the answer.
pub async fn exchange_random(stream: Stream, bytes: u64) -> io::Result<(Vec<u8>, Received)> {
    let (mut reader, mut writer) = stream.split();
    futures::try_join!(write_random(&mut writer, bytes), read_to_end(&mut reader))
}

/// REQUIRES: reading has come to the end, our direction is open.
///
/// To rust-libp2p a reset ends reading as an end does; but after it nothing can be written, not even nothing.
pub fn was_reset(stream: &mut Stream) -> bool {
    matches!(stream.write(&[]).now_or_never(), Some(Err(_)))
}

/// Fails if the stream was reset.
pub async fn read_to_clean_end(stream: &mut Stream) -> io::Result<Received> {
    let received = read_to_end(stream).await?;
    if was_reset(stream) {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(received)
}

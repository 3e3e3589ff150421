//! /perf/1.0.0, both sides (libp2p/specs, perf/perf.md).

use std::io;
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::swarm::Stream;

use crate::transfer::CHUNK_BYTES;

pub const PROTOCOL: &str = "/perf/1.0.0";

pub struct Times {
    /// From opening to the first byte of the answer, or to its end if there is none.
    pub up: Duration,
    /// From there to the end.
    pub down: Duration,
}

pub async fn serve(mut stream: Stream) -> io::Result<()> {
    let mut size = [0; 8];
    stream.read_exact(&mut size).await?;
    discard_to_end(&mut stream).await?;
    write_zeros(&mut stream, u64::from_be_bytes(size)).await?;
    stream.close().await
}

/// Fails if less or more came than was asked for.
pub async fn run(mut stream: Stream, up_bytes: u64, down_bytes: u64) -> io::Result<Times> {
    let begin = Instant::now();
    stream.write_all(&down_bytes.to_be_bytes()).await?;
    write_zeros(&mut stream, up_bytes).await?;
    stream.close().await?;
    let first = stream.read(&mut [0]).await? as u64;
    let up = begin.elapsed();
    let received = first + discard_to_end(&mut stream).await?;
    if received != down_bytes {
        return Err(io::Error::other(format!("{received} bytes came where {down_bytes} were asked for")));
    }
    Ok(Times { up, down: begin.elapsed() - up })
}

async fn write_zeros(stream: &mut (impl AsyncWrite + Unpin), bytes: u64) -> io::Result<()> {
    let chunk = vec![0; CHUNK_BYTES];
    let mut left = bytes;
    while left > 0 {
        let size = left.min(CHUNK_BYTES as u64);
        stream.write_all(&chunk[..size as usize]).await?;
        left -= size;
    }
    Ok(())
}

async fn discard_to_end(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        match stream.read(&mut chunk).await? {
            0 => return Ok(bytes),
            count => bytes += count as u64,
        }
    }
}

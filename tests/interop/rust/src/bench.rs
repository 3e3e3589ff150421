//! What bench/libp2p measures, besides perf.

use std::time::{Duration, Instant};

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::swarm::Stream;
use libp2p::Multiaddr;

use crate::failure::{Failure, Result};
use crate::node::{Connection, Node};
use crate::protocols::ECHO;
use crate::transfer::read_to_end;

pub const PING: &str = "/ipfs/ping/1.0.0";
const PING_BYTES: usize = 32;

/// The time that dialling takes; closing is not in it.
pub async fn connect(node: &Node, times: u64, address: Multiaddr) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for _ in 0..times {
        let begin = Instant::now();
        let connection = node.dial(address.clone()).await?;
        total += begin.elapsed();
        node.close(connection.id).await?;
    }
    Ok(total)
}

/// The time until a byte comes back; ending the stream is not in it.
pub async fn streams(connection: &Connection, times: u64) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for _ in 0..times {
        let begin = Instant::now();
        let mut stream = connection.opener.open(ECHO).await?;
        stream.write_all(&[1]).await?;
        stream.flush().await?;
        stream.read_exact(&mut [0]).await?;
        total += begin.elapsed();
        stream.close().await?;
        read_to_end(&mut stream).await?;
    }
    Ok(total)
}

pub async fn pings(connection: &Connection, times: u64) -> Result<Duration> {
    let mut stream = connection.opener.open(PING).await?;
    let begin = Instant::now();
    for _ in 0..times {
        ping(&mut stream).await?;
    }
    Ok(begin.elapsed())
}

/// One round trip.
pub async fn ping(stream: &mut Stream) -> Result<()> {
    let mut sent = [0; PING_BYTES];
    rand::fill(&mut sent);
    stream.write_all(&sent).await?;
    stream.flush().await?;
    let mut received = [0; PING_BYTES];
    stream.read_exact(&mut received).await?;
    if received != sent {
        return Err(Failure::other("the ping came back changed"));
    }
    Ok(())
}

/// Processor time of this program so far: user, system.
pub fn cpu() -> (Duration, Duration) {
    // SAFETY: getrusage writes the whole struct, which is plain data, and cannot fail for RUSAGE_SELF.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let duration = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    (duration(usage.ru_utime), duration(usage.ru_stime))
}

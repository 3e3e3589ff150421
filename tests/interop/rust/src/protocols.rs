//! The tests' protocols, as served.

use std::io;
use std::sync::Arc;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::swarm::{Stream, StreamProtocol};
use serde_json::{json, Value};

use crate::failure::Result;
use crate::node::Node;
use crate::output;
use crate::perf;
use crate::streams::Server;
use crate::transfer::{read_to_clean_end, read_to_end, was_reset, write_random, CHUNK_BYTES};

pub const ECHO: &str = "/kvp2p-test/echo/1.0.0";
pub const DIGEST: &str = "/kvp2p-test/digest/1.0.0";
pub const UNREAD: &str = "/kvp2p-test/unread/1.0.0";
pub const LATE: &str = "/kvp2p-test/late/1.0.0";
pub const MUTE: &str = "/kvp2p-test/mute/1.0.0";
pub const RESET: &str = "/kvp2p-test/reset/1.0.0";

const LATE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub fn serve_all(node: &Node) -> Result<()> {
    node.serve(StreamProtocol::new(ECHO), told(echo))?;
    serve_digest(node, StreamProtocol::new(DIGEST))?;
    node.serve(StreamProtocol::new(UNREAD), untold(unread))?;
    node.serve(StreamProtocol::new(LATE), told(late))?;
    node.serve(StreamProtocol::new(MUTE), told(mute))?;
    node.serve(StreamProtocol::new(RESET), untold(reset))?;
    node.serve(StreamProtocol::new(perf::PROTOCOL), untold(perf::serve))
}

pub fn serve_digest(node: &Node, protocol: StreamProtocol) -> Result<()> {
    node.serve(protocol, told(digest))
}

/// Tells how each stream ends, with what the function has to add.
fn told<F>(serve: fn(Stream) -> F) -> Server
where
    F: std::future::Future<Output = io::Result<Value>> + Send + 'static,
{
    Arc::new(move |protocol, stream| {
        Box::pin(async move {
            let ended = serve(stream).await;
            let line = json!({ "protocol": protocol.as_ref(), "clean": ended.is_ok() });
            output::event("stream_ended", output::merge(line, ended.unwrap_or_else(|_| json!({}))));
        })
    })
}

fn untold<F>(serve: fn(Stream) -> F) -> Server
where
    F: std::future::Future<Output = io::Result<()>> + Send + 'static,
{
    // The other side sees a failure by itself.
    Arc::new(move |_, stream| Box::pin(async move { drop(serve(stream).await) }))
}

async fn echo(mut stream: Stream) -> io::Result<Value> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        stream.write_all(&chunk[..count]).await?;
        stream.flush().await?;
    }
    if was_reset(&mut stream) {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    stream.close().await?;
    Ok(json!({}))
}

async fn digest(mut stream: Stream) -> io::Result<Value> {
    let received = read_to_clean_end(&mut stream).await?;
    stream.write_all(&received.digest).await?;
    stream.close().await?;
    Ok(json!({}))
}

/// Keeps the stream for as long as the program runs: only who reads or writes is told of a reset.
async fn unread(stream: Stream) -> io::Result<()> {
    std::future::pending::<()>().await;
    drop(stream);
    Ok(())
}

async fn late(mut stream: Stream) -> io::Result<Value> {
    let received = read_to_clean_end(&mut stream).await?;
    let wanted = received.head.first_chunk().map(|size| u64::from_be_bytes(*size));
    let wanted = wanted.filter(|wanted| *wanted <= LATE_BYTES_MAX).ok_or(io::ErrorKind::InvalidData)?;
    write_random(&mut stream, wanted).await?;
    Ok(json!({}))
}

/// Does not know a reset from an end: with our direction closed, rust-libp2p shows no difference.
async fn mute(mut stream: Stream) -> io::Result<Value> {
    stream.close().await?;
    let received = read_to_end(&mut stream).await?;
    Ok(json!({ "bytes": received.bytes, "sha256": output::hex(&received.digest) }))
}

async fn reset(mut stream: Stream) -> io::Result<()> {
    stream.read_exact(&mut [0]).await?;
    // A stream that is dropped before it was closed is reset.
    Ok(())
}

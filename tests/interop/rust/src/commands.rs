//! The commands, by name (../README.md).

use std::str::FromStr;
use std::time::{Duration, Instant};

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::swarm::{Stream, StreamProtocol};
use serde_json::{json, Value};

use crate::bench::{self, PING};
use crate::failure::{Failure, Result};
use crate::node::{Connection, Node, MUXER_BY};
use crate::output::hex;
use crate::protocols::{self, DIGEST, ECHO, LATE, MUTE, RESET};
use crate::transfer::{exchange_random, read_to_end, was_reset, write_random};
use crate::{flood, kad, perf, pubsub, reach, rendezvous};

const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(10);
const LATE_SENT_BYTES: usize = 1000;

/// The fields of the reply.
pub async fn execute(node: &Node, command: &str, words: &[&str]) -> Result<Value> {
    match command {
        "listen" => listen(node, words).await,
        "dial" => dial(node, words).await,
        "identify" => identify(node).await,
        "serve" => serve(node, words),
        "ping" => ping(node).await,
        "echo" => echo(node, words).await,
        "send" => send(node, words).await,
        "flood" => flood(node, words).await,
        "half_close" => half_close(node, words).await,
        "reset" => reset(node).await,
        "be_reset" => be_reset(node).await,
        "perf" => perf(node, words).await,
        "subscribe" => pubsub::subscribe(node, words).await,
        "unsubscribe" => pubsub::unsubscribe(node, words).await,
        "publish" => pubsub::publish(node, words).await,
        "topic_peers" => pubsub::topic_peers(node, words).await,
        "kad_table" => kad::table(node).await,
        "kad_find_peer" => kad::find_peer(node, words).await,
        "kad_provide" => kad::provide(node, words).await,
        "kad_find_providers" => kad::find_providers(node, words).await,
        "kad_put" => kad::put(node, words).await,
        "kad_get" => kad::get(node, words).await,
        "reserve" => reach::reserve(node, words).await,
        "path" => reach::path(node, words),
        "probe" => reach::probe(node, words).await,
        "register" => rendezvous::register(node, words).await,
        "unregister" => rendezvous::unregister(node, words).await,
        "discover" => rendezvous::discover(node, words).await,
        "close" => close(node).await,
        "quit" => Ok(json!({})),
        "bench_connect" => total(bench::connect(node, argument(words, 0)?, argument(words, 1)?).await),
        "bench_streams" => total(bench::streams(&node.connection()?, argument(words, 0)?).await),
        "bench_ping" => total(bench::pings(&node.connection()?, argument(words, 0)?).await),
        "cpu" => cpu(),
        _ => Err(Failure::other(format!("unknown command \"{command}\""))),
    }
}

fn argument<T: FromStr>(words: &[&str], place: usize) -> Result<T>
where
    T::Err: std::error::Error,
{
    let word = words.get(place).ok_or_else(|| Failure::other(format!("argument {} is missing", place + 1)))?;
    Ok(word.parse()?)
}

async fn open(node: &Node, protocol: &'static str) -> Result<Stream> {
    node.connection()?.opener.open(protocol).await
}

async fn listen(node: &Node, words: &[&str]) -> Result<Value> {
    let addresses = node.listen(argument(words, 0)?).await?;
    Ok(json!({ "addresses": addresses }))
}

async fn dial(node: &Node, words: &[&str]) -> Result<Value> {
    let Connection { peer, .. } = tokio::time::timeout(DIAL_TIMEOUT, node.dial(argument(words, 0)?)).await??;
    Ok(json!({ "peer": peer.to_string(), "muxer_by": MUXER_BY }))
}

async fn identify(node: &Node) -> Result<Value> {
    let peer = node.connection()?.peer;
    let info = tokio::time::timeout(IDENTIFY_TIMEOUT, node.identified(peer)).await?;
    Ok(json!({
        "agent_version": info.agent_version,
        "protocols": info.protocols.iter().map(|each| each.as_ref()).collect::<Vec<_>>(),
        "listen_addresses": info.listen_addrs,
        "observed_address": info.observed_addr,
        // One that does not verify is dropped by rust-libp2p.
        "signed_record": info.signed_peer_record.is_some(),
    }))
}

fn serve(node: &Node, words: &[&str]) -> Result<Value> {
    let protocol = StreamProtocol::try_from_owned(argument(words, 0)?)?;
    protocols::serve_digest(node, protocol)?;
    Ok(json!({}))
}

async fn ping(node: &Node) -> Result<Value> {
    let mut stream = open(node, PING).await?;
    let begin = Instant::now();
    bench::ping(&mut stream).await?;
    Ok(json!({ "rtt_us": micros(begin.elapsed()) }))
}

async fn echo(node: &Node, words: &[&str]) -> Result<Value> {
    let (sent, received) = exchange_random(open(node, ECHO).await?, argument(words, 0)?).await?;
    Ok(json!({ "bytes": received.bytes, "sent_sha256": hex(&sent), "received_sha256": hex(&received.digest) }))
}

async fn send(node: &Node, words: &[&str]) -> Result<Value> {
    let (sent, received) = exchange_random(open(node, DIGEST).await?, argument(words, 0)?).await?;
    Ok(json!({ "sent_sha256": hex(&sent), "peer_sha256": hex(&received.head) }))
}

async fn flood(node: &Node, words: &[&str]) -> Result<Value> {
    let outcome = flood::run(&node.connection()?, argument(words, 0)?, argument(words, 1)?).await?;
    Ok(json!({
        "completed": outcome.completed,
        "mismatched": outcome.mismatched,
        "unread_bytes": outcome.unread_bytes,
    }))
}

async fn half_close(node: &Node, words: &[&str]) -> Result<Value> {
    let bytes: u64 = argument(words, 0)?;
    let mut late = open(node, LATE).await?;
    let mut request = [0; LATE_SENT_BYTES];
    request[..8].copy_from_slice(&bytes.to_be_bytes());
    late.write_all(&request).await?;
    late.close().await?;
    let received = read_to_end(&mut late).await?;

    let mut mute = open(node, MUTE).await?;
    read_to_end(&mut mute).await?;
    let sent = write_random(&mut mute, bytes).await?;
    Ok(json!({ "late_bytes": received.bytes, "sent_sha256": hex(&sent) }))
}

async fn reset(node: &Node) -> Result<Value> {
    let mut stream = open(node, ECHO).await?;
    let mut bytes = [1; 1024];
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    stream.read_exact(&mut bytes).await?;
    // A stream that is dropped before it was closed is reset.
    drop(stream);
    Ok(json!({}))
}

async fn be_reset(node: &Node) -> Result<Value> {
    let mut stream = open(node, RESET).await?;
    stream.write_all(&[1]).await?;
    stream.flush().await?;
    let ended = read_to_end(&mut stream).await;
    Ok(json!({ "reset": ended.is_err() || was_reset(&mut stream) }))
}

async fn perf(node: &Node, words: &[&str]) -> Result<Value> {
    let stream = open(node, perf::PROTOCOL).await?;
    let times = perf::run(stream, argument(words, 0)?, argument(words, 1)?).await?;
    Ok(json!({ "up_us": micros(times.up), "down_us": micros(times.down) }))
}

async fn close(node: &Node) -> Result<Value> {
    node.close(node.connection()?.id).await?;
    Ok(json!({}))
}

fn total(time: Result<Duration>) -> Result<Value> {
    Ok(json!({ "total_us": micros(time?) }))
}

fn cpu() -> Result<Value> {
    let (user, system) = bench::cpu();
    Ok(json!({ "user_us": micros(user), "system_us": micros(system) }))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

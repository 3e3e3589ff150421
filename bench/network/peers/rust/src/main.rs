//! rust-libp2p's side of the comparison: /perf/1.0.0 over TCP, TLS and yamux. What it is told and says: ../../pair.py.

mod arguments;
mod node;
mod pattern;
mod perf;

use std::error::Error;
use std::time::Instant;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::arguments::{Arguments, Mode};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = arguments::parse(std::env::args().skip(1))?;
    match arguments.mode {
        Mode::Serve => serve(&arguments).await,
        Mode::Fetch => fetch(&arguments).await,
    }
}

/// Until standard input ends.
async fn serve(arguments: &Arguments) -> Result<()> {
    let source = pattern::filled(arguments.bytes as usize).into();
    let node = node::Node::start(true)?;
    tokio::spawn(perf::serve(node.incoming(perf::PROTOCOL)?, source));
    let address = node.listen_address().await?;
    println!("{}", json!({ "address": address.to_string(), "version": env!("LIBP2P_VERSION") }));
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    Ok(())
}

async fn fetch(arguments: &Arguments) -> Result<()> {
    let mut parts = perf::Parts::new(arguments.bytes, arguments.connections)?;
    // It is not the caller who says which of a node's connections carries a stream: so a node a connection.
    let mut nodes = Vec::new();
    for _ in 0..arguments.connections {
        let node = node::Node::start(false)?;
        node.connect(arguments.address()?).await?;
        nodes.push(node);
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        parts.clear();
        let begin = Instant::now();
        parts = parts.fetch(&nodes).await?;
        let seconds = begin.elapsed().as_secs_f64();
        parts.check()?;
        println!("{}", json!({ "seconds": seconds, "equal_bytes": arguments.bytes }));
    }
    Ok(())
}

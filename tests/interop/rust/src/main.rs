//! The rust-libp2p peer of the interop tests. What it is told and what it answers: ../README.md.

mod arguments;
mod bench;
mod commands;
mod failure;
mod flood;
mod kad;
mod node;
mod output;
mod perf;
mod pnet;
mod protocols;
mod pubsub;
mod reach;
mod rendezvous;
mod streams;
mod swarm;
mod transfer;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::failure::{Failure, Result};
use crate::node::Node;

#[tokio::main]
async fn main() {
    if let Err(failure) = run().await {
        match failure.kind {
            "unsupported" => output::event("unsupported", json!({ "message": failure.message })),
            _ => {
                eprintln!("{}", failure.message);
                std::process::exit(1);
            }
        }
    }
}

async fn run() -> Result<()> {
    let arguments = arguments::parse(std::env::args().skip(1))?;
    let peer = arguments.key.public().to_peer_id();
    let node = Node::start(swarm::make(arguments)?);
    protocols::serve_all(&node)?;
    let implementation = format!("rust-libp2p {}", env!("LIBP2P_VERSION"));
    output::event("ready", json!({ "implementation": implementation, "peer": peer.to_string() }));

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((command, arguments)) = words.split_first() else { continue };
        reply(command, commands::execute(&node, command, arguments).await);
        if *command == "quit" {
            break;
        }
    }
    node.stop().await
}

fn reply(command: &str, outcome: Result<serde_json::Value>) {
    let line = json!({ "reply": command, "ok": outcome.is_ok() });
    output::print(match outcome {
        Ok(fields) => output::merge(line, fields),
        Err(Failure { kind, message }) => output::merge(line, json!({ "error": kind, "message": message })),
    });
}

//! `serve --bytes=N` or `fetch --bytes=N --address=A --connections=C`.

use libp2p::Multiaddr;

use crate::Result;

/// What keeps a slip of the hand from taking the machine's memory.
const BYTES_MAX: u64 = 64 << 30;
const CONNECTIONS_MAX: usize = 64;

pub enum Mode {
    Serve,
    Fetch,
}

pub struct Arguments {
    pub mode: Mode,
    pub bytes: u64,
    pub connections: usize,
    address: String,
}

impl Arguments {
    pub fn address(&self) -> Result<Multiaddr> {
        Ok(self.address.parse()?)
    }
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mode = match words.next().as_deref() {
        Some("serve") => Mode::Serve,
        Some("fetch") => Mode::Fetch,
        _ => return Err("the first argument is serve or fetch".into()),
    };
    let mut arguments = Arguments { mode, bytes: 0, connections: 1, address: String::new() };
    for word in words {
        match word.split_once('=') {
            Some(("--bytes", value)) => arguments.bytes = value.parse()?,
            Some(("--connections", value)) => arguments.connections = value.parse()?,
            Some(("--address", value)) => arguments.address = value.to_string(),
            _ => return Err(format!("no argument {word:?}").into()),
        }
    }
    let counts = 1..=CONNECTIONS_MAX;
    if arguments.bytes > BYTES_MAX || !counts.contains(&arguments.connections) {
        return Err("bytes or connections out of bounds".into());
    }
    Ok(arguments)
}

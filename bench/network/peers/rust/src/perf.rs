//! /perf/1.0.0 (libp2p/specs, perf/perf.md): the client asks for a number of bytes, and may send some first. Ours sends
//! eight, which say from where in its source the server is to take them; another perf server would discard them.

use std::sync::Arc;

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{Stream, StreamProtocol};
use libp2p_stream::IncomingStreams;

use crate::node::Node;
use crate::pattern::{self, WORD_BYTES};
use crate::Result;

pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/perf/1.0.0");

pub async fn serve(mut incoming: IncomingStreams, source: Arc<[u8]>) {
    while let Some((_, stream)) = incoming.next().await {
        let source = source.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &source).await {
                eprintln!("serving: {error}");
            }
        });
    }
}

async fn answer(mut stream: Stream, source: &[u8]) -> Result<()> {
    let (mut size, mut offset) = ([0; 8], [0; 8]);
    stream.read_exact(&mut size).await?;
    stream.read_exact(&mut offset).await?;
    let begin = u64::from_be_bytes(offset);
    let end = begin.checked_add(u64::from_be_bytes(size)).ok_or("too much was asked for")?;
    let bytes = source.get(begin as usize..end as usize).ok_or("outside of the source")?;
    stream.write_all(bytes).await?;
    stream.close().await?;
    Ok(())
}

/// Where the bytes go: a part for each connection, together as large as what is fetched.
pub struct Parts(Vec<Part>);

struct Part {
    offset: u64,
    bytes: Vec<u8>,
}

impl Parts {
    pub fn new(bytes: u64, count: usize) -> Result<Self> {
        let each = bytes / count as u64;
        if each * count as u64 != bytes || each % WORD_BYTES as u64 != 0 {
            return Err(format!("{bytes} bytes do not divide among {count} connections").into());
        }
        Ok(Self((0..count as u64).map(|n| Part { offset: n * each, bytes: vec![0; each as usize] }).collect()))
    }

    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|part| part.bytes.fill(0));
    }

    /// One part a node, all at once.
    pub async fn fetch(self, nodes: &[Node]) -> Result<Self> {
        let mut tasks = Vec::new();
        for (part, node) in self.0.into_iter().zip(nodes) {
            let stream = node.open(PROTOCOL).await?;
            tasks.push(tokio::spawn(fill(stream, part)));
        }
        let mut parts = Vec::new();
        for task in tasks {
            parts.push(task.await??);
        }
        Ok(Self(parts))
    }

    pub fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(|part| pattern::check(part.offset, &part.bytes))
    }
}

async fn fill(mut stream: Stream, mut part: Part) -> Result<Part> {
    let mut request = Vec::from((part.bytes.len() as u64).to_be_bytes());
    request.extend(part.offset.to_be_bytes());
    stream.write_all(&request).await?;
    stream.close().await?;
    stream.read_exact(&mut part.bytes).await?;
    if stream.read(&mut [0]).await? != 0 {
        return Err("more came than was asked for".into());
    }
    Ok(part)
}

//! Many streams at once beside one that is left unread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use futures::future::join_all;
use futures::AsyncWriteExt as _;
use libp2p::swarm::Stream;

use crate::failure::Result;
use crate::node::Connection;
use crate::protocols::{DIGEST, UNREAD};
use crate::transfer::{exchange_random, CHUNK_BYTES};

pub struct Outcome {
    pub completed: usize,
    pub mismatched: usize,
    pub unread_bytes: u64,
}

pub async fn run(connection: &Connection, count: u64, bytes: u64) -> Result<Outcome> {
    let taken = Arc::new(AtomicU64::new(0));
    let unread = tokio::spawn(write_on(connection.opener.open(UNREAD).await?, taken.clone()));
    // The first failure, if any; whether the digest was right, of the others.
    let exchanges = (0..count).map(|_| tokio::spawn(send_one(connection.clone(), bytes)));
    let mut matched = Vec::new();
    let mut failure = None;
    for ended in join_all(exchanges).await {
        match ended? {
            Ok(right) => matched.push(right),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    // The task's stream is dropped with it, which resets it.
    unread.abort();
    drop(unread.await);
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(Outcome {
        completed: matched.len(),
        mismatched: matched.iter().filter(|right| !**right).count(),
        unread_bytes: taken.load(Ordering::Relaxed),
    })
}

async fn send_one(connection: Connection, bytes: u64) -> Result<bool> {
    let stream = connection.opener.open(DIGEST).await?;
    let (sent, answer) = exchange_random(stream, bytes).await?;
    Ok(answer.head == sent)
}

async fn write_on(mut stream: Stream, taken: Arc<AtomicU64>) {
    let chunk = vec![0; CHUNK_BYTES];
    while let Ok(count) = stream.write(&chunk).await {
        taken.fetch_add(count as u64, Ordering::Relaxed);
    }
}

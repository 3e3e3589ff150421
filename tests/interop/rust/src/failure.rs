//! Why a command failed: the kinds that a case may expect, and a message.

use std::fmt;

pub struct Failure {
    pub kind: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(kind: &'static str, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    pub fn other(message: impl fmt::Display) -> Self {
        Self::new("other", message)
    }
}

/// All errors that no case expects by their kind.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::other(error)
    }
}

pub type Result<T> = std::result::Result<T, Failure>;

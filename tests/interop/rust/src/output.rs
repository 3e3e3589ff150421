//! Lines of JSON on standard output.

use std::io::Write;

use serde_json::{json, Value};

use crate::failure::Result;

pub fn print(line: Value) {
    let mut output = std::io::stdout().lock();
    // Nobody is left to be told of a failure.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

pub fn event(kind: &str, fields: Value) {
    print(merge(json!({ "event": kind }), fields));
}

/// Both objects' members, those of `fields` last.
pub fn merge(mut line: Value, fields: Value) -> Value {
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields);
    }
    line
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Result<Vec<u8>> {
    let pairs: Vec<_> = text.as_bytes().chunks(2).map(std::str::from_utf8).collect::<std::result::Result<_, _>>()?;
    Ok(pairs.into_iter().map(|pair| u8::from_str_radix(pair, 16)).collect::<std::result::Result<_, _>>()?)
}

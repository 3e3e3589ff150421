//! Tells the program which rust-libp2p it was built with: what the lock file says.

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").expect("Cargo.lock is there when cargo builds");
    let version = lock
        .split_once("name = \"libp2p\"\nversion = \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("of unknown version", |(version, _)| version);
    println!("cargo::rustc-env=LIBP2P_VERSION={version}");
}

//! Lets this host be found until Ctrl-C: `cargo run --example announce -- NAME KEY-FILE [INTERFACE...]`.
//!
//! The key is made at the first start: a host that comes back with it is the same host to all others.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;

use kimchi_peers::{Config, Discovery, HostKey};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(key_file)) = (arguments.next(), arguments.next()) else {
        return Err("give a name, and a file for the key".into());
    };
    let key = HostKey::load_or_create(Path::new(&key_file))?;
    let mut config = Config::with_key(&name, &key)?;
    config.interfaces = arguments.collect();
    // Where a browser finds this host; 8000 and 8001 unless told otherwise.
    config.profile.https_port = 443;
    let discovery = Discovery::start(config)?;
    println!("{name} can be found; its identity is {}", key.id());
    tokio::signal::ctrl_c().await?;
    // Says goodbye: the others need not find out.
    discovery.shutdown().await;
    Ok(())
}

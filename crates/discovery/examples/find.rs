//! Prints who is there, and ends: `cargo run --example find -- [INTERFACE...]`. It asks, and is not listed by others.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Duration;

use kimchi_peers::{Config, Discovery};

/// A network of any size has answered by then.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::new("looks-around")?;
    config.interfaces = std::env::args().skip(1).collect();
    config.observer = true;
    let discovery = Discovery::start(config)?;
    tokio::time::sleep(PATIENCE).await;
    for peer in discovery.peers().await? {
        println!("{:20} {:?} {:?}, {}", peer.name.as_str(), peer.state, peer.addresses(), peer.trust.as_str());
    }
    discovery.shutdown().await;
    Ok(())
}

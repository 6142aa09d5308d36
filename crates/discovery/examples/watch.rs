//! Prints who comes and goes: `cargo run --example watch -- NAME [INTERFACE]`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use kimchi_peers::{Config, Discovery, Event, EventsError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = Config::new(&arguments.next().unwrap_or_else(|| "watcher".to_owned()))?;
    config.interfaces = arguments.collect();
    let discovery = Discovery::start(config)?;
    let mut events = discovery.subscribe();
    loop {
        match events.next().await {
            Ok(Event::Peer { change, cause, peer }) => {
                println!("{:8} {:20} {:?} ({})", change.as_str(), peer.name, peer.addresses(), cause.as_str());
            }
            Ok(_) => {}
            Err(EventsError::Missed(count)) => println!("missed {count} events"),
            Err(_) => return Ok(()),
        }
    }
}

//! One file for each subject; [`support`] has the daemon and the command line as values, [`http`] and [`stream`] what
//! talks to the API, [`schema`] what holds its answers against the document.
//!
//! ```text
//!  inside()   private namespaces with only `lo`:  127.0.0.1 the daemon   127.0.0.2, 127.0.0.3, ... base peers
//!                                                 10.5.0.1  consoles that are added by hand
//! ```

#[path = "../netns/inside.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod inside;
#[path = "../netns/namespace.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod namespace;
#[path = "../netns/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod process;
#[path = "../netns/wait.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod wait;

mod console;
mod database;
mod http;
mod schema;
mod skipped;
mod stream;
mod support;
mod tools;

mod audit;
mod commands;
mod connections;
mod crowd;
mod demo;
mod document;
mod events;
mod exports;
mod formats;
mod hooks;
mod hostile_pages;
mod hostile_text;
mod hostile_texts;
mod lifecycle;
mod memory;
mod page;
mod peers;
mod refusals;
mod reload;
mod remotes;
mod requests_forged;
mod search;
mod service_manager;
mod slptool;
mod sockets;
mod system_calls;
mod terminal;
mod tls;

use inside::inside;

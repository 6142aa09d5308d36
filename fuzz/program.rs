// The program's modules, at the root of a fuzz target as they are at the root of the program.

#[path = "../crates/app/src/api/mod.rs"]
mod api;
#[path = "../crates/app/src/budget.rs"]
mod budget;
#[path = "../crates/app/src/cli/mod.rs"]
mod cli;
#[path = "../crates/app/src/client/mod.rs"]
mod client;
#[path = "../crates/app/src/daemon/mod.rs"]
mod daemon;
#[path = "../crates/app/src/dns_sd.rs"]
mod dns_sd;
#[path = "../crates/app/src/doctor/mod.rs"]
mod doctor;
#[path = "../crates/app/src/export/mod.rs"]
mod export;
#[path = "../crates/app/src/failure.rs"]
mod failure;
#[path = "../crates/app/src/hook/mod.rs"]
mod hook;
#[path = "../crates/app/src/keys.rs"]
mod keys;
#[path = "../crates/app/src/machine.rs"]
mod machine;
#[path = "../crates/app/src/output/mod.rs"]
mod output;
#[path = "../crates/app/src/private_file.rs"]
mod private_file;
#[path = "../crates/app/src/service/mod.rs"]
mod service;
#[path = "../crates/app/src/settings/mod.rs"]
mod settings;
#[path = "../crates/app/src/store/mod.rs"]
mod store;
#[path = "../crates/app/src/view/mod.rs"]
mod view;

//! The kimchi-peers daemon and command line.

mod api;
mod budget;
mod cli;
mod client;
mod command;
mod daemon;
mod dns_sd;
mod doctor;
mod export;
mod failure;
mod hook;
mod keys;
mod logging;
mod machine;
mod output;
mod private_file;
mod service;
mod settings;
mod store;
mod view;

#[cfg(test)]
mod corpus;
#[cfg(test)]
#[path = "../tests/daemon/skipped.rs"]
#[allow(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod skipped;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, ConfigCommand, Connection, ExportCommand, KeyCommand};
use crate::failure::Failure;

/// Threads that may block at once, beside the store's own: a slow disk or resolver must not make many.
const BLOCKING_THREADS_MAX: usize = 4;

fn main() -> ExitCode {
    if let Some(arguments) = command::slptool::called_by_its_name() {
        return command::slptool::main(&arguments, &Connection::default());
    }
    let cli = Cli::parse();
    if let Command::Slptool { arguments } = &cli.command {
        return command::slptool::main(arguments, &cli.connection);
    }
    // One thread: the daemon waits far more than it works, and every thread costs memory.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(&cli));
            // What still runs has said its goodbye or has none to say.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure { status: 1, message: format!("cannot start: {error}"), hint: None }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => tell(&failure),
    }
}

async fn run(cli: &Cli) -> Result<(), Failure> {
    let connection = &cli.connection;
    match &cli.command {
        Command::Run(arguments) => command::run::run(arguments, connection).await,
        Command::Search(arguments) => command::search::run(arguments, connection).await,
        Command::List(arguments) => command::list::run(arguments, connection).await,
        Command::Export(ExportCommand::Cockpit(arguments)) => command::export::cockpit(arguments, connection).await,
        Command::Show(arguments) => command::show::run(arguments, connection).await,
        Command::History(arguments) => command::history::run(arguments, connection).await,
        Command::Watch(arguments) => command::watch::run(arguments, connection).await,
        Command::Check(arguments) => command::check::run(arguments, connection).await,
        Command::Add(arguments) => command::add::run(arguments, connection).await,
        Command::Remove(arguments) => command::remove::run(arguments, connection).await,
        Command::Trust(arguments) => command::trust::trust(arguments, connection).await,
        Command::Forget(arguments) => command::trust::forget(arguments, connection).await,
        Command::Key(KeyCommand::Show(arguments)) => command::key::show(arguments, connection).await,
        Command::Key(KeyCommand::Generate(arguments)) => command::key::generate(arguments),
        Command::Key(KeyCommand::Install(arguments)) => command::key::install(arguments, connection).await,
        Command::Key(KeyCommand::Use(arguments)) => command::key::make_primary(arguments, connection).await,
        Command::Key(KeyCommand::Remove(arguments)) => command::key::remove(arguments, connection).await,
        Command::ResetIdentity(arguments) => command::reset_identity::run(arguments, connection),
        // Has an end of its own, which is never a failure.
        Command::Slptool { .. } => Ok(()),
        Command::Status(arguments) => command::status::run(arguments, connection).await,
        Command::Doctor(arguments) => command::doctor::run(arguments, connection).await,
        Command::Matrix(arguments) => command::matrix::run(arguments, connection).await,
        Command::Leave(arguments) => command::leave::run(arguments, connection).await,
        Command::Open => command::open::run(connection).await,
        Command::Demo(arguments) => command::demo::run(arguments).await,
        Command::Config(ConfigCommand::Show(arguments)) => command::config_show::run(arguments, connection),
        Command::Completions { shell, unused } => command::completions::run(*shell, unused),
        Command::Man { directory, unused } => command::man::run(directory.as_deref(), unused),
    }
}

/// Prints one sentence, and perhaps what to do about it.
fn tell(failure: &Failure) -> ExitCode {
    let mut err = std::io::stderr().lock();
    // Nobody is left to tell where stderr is gone.
    let _ = writeln!(err, "kimchi-peers: {}", failure.message);
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "hint: {hint}");
    }
    ExitCode::from(failure.status)
}

//! `completions`: for a shell, made from the definition of the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::{Cli, NoConnection};
use crate::command::refuse;
use crate::failure::{Failure, finish};
use crate::output::Screen;

/// Prints the completions.
pub(crate) fn run(shell: Shell, unused: &NoConnection) -> Result<(), Failure> {
    refuse(unused, "completions")?;
    finish(Screen::of_process().bytes(&script(shell)))
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kimchi-peers", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_shell_knows_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}

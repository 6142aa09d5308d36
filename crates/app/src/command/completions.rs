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
    let mut command = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "kimchi-peers", &mut script);
    if shell != Shell::Bash {
        return script;
    }
    let names = std::iter::once(command.get_name()).chain(command.get_subcommands().map(clap::Command::get_name));
    names.fold(String::from_utf8_lossy(&script).into_owned(), |script, name| mended(&script, name)).into_bytes()
}

/// The script for bash of clap_complete 4.6 writes a hyphen in a name in two ways, where a command is recognised and where its
/// options are, so that no command of a program with a hyphen in its name had any.
fn mended(script: &str, name: &str) -> String {
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
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

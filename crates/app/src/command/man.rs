//! `man`: the pages, made from the definition of the command line.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::{Cli, NoConnection};
use crate::command::refuse;
use crate::failure::{Failure, finish};
use crate::output::Screen;

/// Prints the main page, or writes all of them into a directory.
pub(crate) fn run(directory: Option<&Path>, unused: &NoConnection) -> Result<(), Failure> {
    refuse(unused, "man")?;
    match directory {
        Some(directory) => write_all(directory)
            .map_err(|error| Failure::new(format!("cannot write the pages into {}: {error}", directory.display()))),
        None => {
            let page = page().map_err(|error| Failure::new(format!("cannot make the page: {error}")))?;
            finish(Screen::of_process().bytes(&page))
        }
    }
}

fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    // Without `help`, of which there is no page either.
    clap_mangen::Man::new(Cli::command().disable_help_subcommand(true)).render(&mut page)?;
    Ok(page)
}

fn write_all(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command() {
        let directory = tempfile::tempdir().unwrap();
        write_all(directory.path()).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = directory.path().join(format!("kimchi-peers-{}.1", command.get_name()));
            assert!(page.exists(), "{}", page.display());
        }
        let main_page = std::fs::read(directory.path().join("kimchi-peers.1")).unwrap();
        assert!(main_page == page().unwrap(), "the main page differs from the one that is printed");
        assert!(String::from_utf8(page().unwrap()).unwrap().contains("Exit status"));
    }
}

//! `man`: the pages, made from the definition of the command line and from the example of the configuration file.

mod settings;

use std::io;
use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::{Cli, NoConnection};
use crate::command::refuse;
use crate::failure::{Failure, finish};
use crate::output::Screen;

/// When what the pages tell was last changed; a page wants a date, and the same source makes the same page.
const DATE: &str = "2026-11-30";
/// The page of the protocol, with places for date and version.
const PROTOCOL: &str = include_str!("man/kimchi-peers.7");

/// A page under the name of its file.
struct Page {
    file: String,
    text: String,
}

/// Prints the main page, or writes all of them into a directory.
pub(crate) fn run(directory: Option<&Path>, unused: &NoConnection) -> Result<(), Failure> {
    refuse(unused, "man")?;
    match directory {
        Some(directory) => write_all(directory)
            .map_err(|error| Failure::new(format!("cannot write the pages into {}: {error}", directory.display()))),
        None => {
            let page =
                of_command(definition()).map_err(|error| Failure::new(format!("cannot make the page: {error}")))?;
            finish(Screen::of_process().bytes(page.text.as_bytes()))
        }
    }
}

fn write_all(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let mut pages = vec![settings::page(), protocol()];
    add_commands(definition(), &mut pages)?;
    pages.iter().try_for_each(|page| std::fs::write(directory.join(&page.file), &page.text))
}

/// The command line, complete, and without `help`, of which there is no page.
fn definition() -> clap::Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

fn add_commands(command: clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        add_commands(inner.clone(), pages)?;
    }
    pages.push(of_command(command)?);
    Ok(())
}

fn of_command(command: clap::Command) -> io::Result<Page> {
    let page = clap_mangen::Man::new(command).date(DATE).source(source()).manual("kimchi-peers");
    let mut bytes = Vec::new();
    page.render(&mut bytes)?;
    // An empty line is one break; three in a row are two too many for the linters of pages.
    let text = String::from_utf8_lossy(&bytes).replace("\n.br\n\n.br\n", "\n.sp\n");
    Ok(Page { file: page.get_filename(), text })
}

fn protocol() -> Page {
    let text = PROTOCOL.replace("@DATE@", DATE).replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    Page { file: "kimchi-peers.7".to_owned(), text }
}

/// What the pages belong to.
fn source() -> String {
    concat!("kimchi-peers ", env!("CARGO_PKG_VERSION")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command() {
        let directory = tempfile::tempdir().unwrap();
        write_all(directory.path()).unwrap();
        let page = |file: &str| std::fs::read_to_string(directory.path().join(file)).unwrap();
        for command in definition().get_subcommands() {
            let text = page(&format!("kimchi-peers-{}.1", command.get_name()));
            assert!(text.contains(".SH NAME\n"), "{text}");
        }
        assert!(page("kimchi-peers-key-use.1").contains(DATE));
        let main_page = page("kimchi-peers.1");
        assert!(main_page == of_command(definition()).unwrap().text, "it differs from the one that is printed");
        assert!(main_page.contains("Exit status"));
        assert!(page("kimchi-peers.7").contains(".SH PROTOCOL\n") && !page("kimchi-peers.7").contains('@'));
        assert!(page("kimchi-peers.toml.5").contains(".SH KEYS\n"));
    }
}

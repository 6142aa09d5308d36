//! `reset-identity`: makes a new host of a copy, or accepts that a host moved to another machine.

use std::fs;
use std::io;
use std::path::Path;

use kimchi_peers::HostKey;

use crate::cli::{Connection, ResetIdentityArguments};
use crate::client::usual_state_directory;
use crate::daemon::{KEY_FILE, token};
use crate::failure::{Failure, finish};
use crate::machine::Machine;
use crate::output::{Screen, fingerprint, printable};
use crate::store::StateDirectory;

/// Changes the state directory, which no daemon may use meanwhile.
pub(crate) fn run(arguments: &ResetIdentityArguments, connection: &Connection) -> Result<(), Failure> {
    let path = usual_state_directory(connection);
    let wrong = |error: String| Failure::new(printable(&error));
    let locked = StateDirectory::open(&path).map_err(|error| wrong(error.to_string()))?;
    let mut screen = Screen::of_process();
    if arguments.keep {
        Machine::of_this_host().keep(locked.path()).map_err(|error| wrong(error.to_string()))?;
        screen.say("the identity is as it was, and belongs to this machine from now on");
        return Ok(());
    }
    let key = renew(locked.path()).map_err(wrong)?;
    let id = key.id().to_string();
    finish(screen.data(&format!("{id}\n")))?;
    screen.say(&format!("this host is a new one from its next start on: {}", fingerprint(&id).unwrap_or_default()));
    screen.say(
        "other hosts will list it beside the one that it was until now; where they knew that one by the same name, they show a \
         conflict until somebody there says: kimchi-peers trust NAME",
    );
    Ok(())
}

/// A new key, for this machine, and a new token for the API: a copy has those of its original.
fn renew(directory: &Path) -> Result<HostKey, String> {
    let key = HostKey::replace(&directory.join(KEY_FILE)).map_err(|error| error.to_string())?;
    match fs::remove_file(directory.join(token::TOKEN_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(format!("cannot remove the API token: {error}"));
        }
        Ok(()) | Err(_) => {}
    }
    give_to_owner(directory, KEY_FILE).map_err(|error| format!("cannot give the key to the daemon's user: {error}"))?;
    Machine::of_this_host().keep(directory).map_err(|error| error.to_string())?;
    Ok(key)
}

/// Where root changes the directory of another user, the file becomes that user's.
fn give_to_owner(directory: &Path, file: &str) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(directory)?;
    std::os::unix::fs::chown(directory.join(file), Some(owner.uid()), Some(owner.gid()))
}

//! `key`: who this host is, and the keys of its group. No key is ever taken from the command line or the environment.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use kimchi_peers::{GroupId, HostKey};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::{Connection, KeyGenerateArguments, KeyIdArguments, KeyInstallArguments, KeyShowArguments, TextOrJson};
use crate::client::{Client, ClientError, usual_state_directory};
use crate::command::refuse;
use crate::daemon::KEY_FILE;
use crate::failure::{Failure, USAGE, finish};
use crate::keys::{self, KeyFile, KeyFileError};
use crate::output::{Page, Screen, Tone, fingerprint, pretty, printable};
use crate::private_file;
use crate::view::{KeyView, KeysView};

/// What `key show` prints.
#[derive(Debug, Serialize)]
struct Shown {
    /// This host's identity; `None` before the daemon's first start.
    id: Option<String>,
    /// The same in words.
    fingerprint: Option<String>,
    #[serde(flatten)]
    keys: KeysView,
    /// Whether the daemon told of it; without one nobody knows who uses which key.
    daemon: bool,
}

/// Prints this host's identity and group keys.
pub(crate) async fn show(arguments: &KeyShowArguments, connection: &Connection) -> Result<(), Failure> {
    let shown = look(connection).await?;
    let mut screen = Screen::of_process();
    let text = match arguments.output.format() {
        TextOrJson::Json => pretty(&shown, screen.surface.is_terminal),
        TextOrJson::Text => Ok(page(&shown, &screen)),
    };
    finish(text.and_then(|text| screen.data(&text)))
}

async fn look(connection: &Connection) -> Result<Shown, Failure> {
    let client = Client::find(connection)?;
    let (id, keys, daemon) = match client.keys().await {
        Ok(keys) => (Some(client.myself().await?.id), keys, true),
        Err(ClientError::Unreachable(_)) => {
            let directory = usual_state_directory(connection);
            let id =
                HostKey::load_if_there(&directory.join(KEY_FILE)).map_err(|error| Failure::new(error.to_string()))?;
            (id.map(|key| key.id().to_string()), kept(&directory)?, false)
        }
        Err(error) => return Err(error.into()),
    };
    let fingerprint = id.as_deref().and_then(fingerprint);
    Ok(Shown { id, fingerprint, keys, daemon })
}

/// The keys of the file, of which nobody knows who uses them.
fn kept(directory: &Path) -> Result<KeysView, Failure> {
    let file = KeyFile::of(directory);
    let keyring = file.read()?;
    let view = |(index, id): (usize, GroupId)| KeyView { id: id.to_string(), primary: index == 0, peers: Vec::new() };
    let keys = keyring.keys().map(|(id, _)| id).enumerate().map(view).collect();
    Ok(KeysView { file: file.path().display().to_string(), keys })
}

fn page(shown: &Shown, screen: &Screen) -> String {
    let mut page = Page::new(screen.surface);
    page.heading("This host", Tone::Heading);
    page.entry("id", shown.id.as_deref().unwrap_or("none before the first start"));
    page.entry("fingerprint", shown.fingerprint.as_deref().unwrap_or_default());
    page.heading("Group keys", Tone::Heading);
    page.entry("file", &shown.keys.file);
    if shown.keys.keys.is_empty() {
        page.line("none; make one with: kimchi-peers key generate --output FILE");
    }
    for key in &shown.keys.keys {
        let used = match key.peers.as_slice() {
            _ if !shown.daemon => "no daemon runs, so nobody knows who uses it".to_owned(),
            [] => "no peer uses it".to_owned(),
            peers => format!("used by {}: {}", peers.len(), peers.join(", ")),
        };
        page.entry(&key.id, &format!("{}{used}", if key.primary { "in use here; " } else { "" }));
    }
    page.text()
}

/// Makes a key and writes it where it was asked for.
pub(crate) fn generate(arguments: &KeyGenerateArguments) -> Result<(), Failure> {
    refuse(&arguments.unused, "key generate")?;
    let key = keys::generate()?;
    let text = Zeroizing::new(format!("{}\n", Zeroizing::new(key.reveal()).as_str()));
    let mut screen = Screen::of_process();
    if is_stream(&arguments.output) {
        return finish(screen.data(&text));
    }
    let path = &arguments.output;
    let wrong = |error: io::Error| Failure::new(printable(&format!("cannot write {}: {error}", path.display())));
    // Never over another key.
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(wrong)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
    finish(screen.data(&format!("{}\n", key.id())))?;
    screen.say(&printable(&format!(
        "bring {0} to each host and say there: kimchi-peers key install {0}",
        path.display()
    )));
    Ok(())
}

/// Adds a key to this host's.
pub(crate) async fn install(arguments: &KeyInstallArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    // A key never goes over the network, so another host's daemon cannot get it from here.
    if !client.is_for_this_host() {
        let failure = Failure::new("a group key is installed on the host that is to have it, not from another one");
        return Err(failure.with_hint("bring the file there and say there: kimchi-peers key install FILE"));
    }
    let text = given(&arguments.file)?;
    let key = keys::only_key(&text).map_err(|error| Failure {
        status: USAGE,
        message: printable(&format!("{}: {error}", arguments.file.display())).into_owned(),
        hint: Some("make one with: kimchi-peers key generate --output FILE".to_owned()),
    })?;
    let file = KeyFile::of(&usual_state_directory(connection));
    let id = file.install(key)?;
    let told = client.reload_keys().await;
    let mut screen = Screen::of_process();
    finish(screen.data(&format!("installed {id}\n")))?;
    match told {
        Ok(told) if told.keys.iter().any(|known| known.id == id.to_string()) => Ok(()),
        Ok(told) => Err(Failure::new(printable(&format!(
            "the key is in {}, and the daemon keeps its keys in {}",
            file.path().display(),
            told.file
        )))
        .with_hint("give the daemon's directory with --state-dir")),
        Err(error) => without_daemon(error, &mut screen),
    }
}

/// Has this host use a key.
pub(crate) async fn make_primary(arguments: &KeyIdArguments, connection: &Connection) -> Result<(), Failure> {
    let id = group_id(&arguments.id)?;
    let client = Client::find(connection)?;
    let mut screen = Screen::of_process();
    match client.use_key(id).await {
        Ok(known) => warn_where_nobody_has_it(&known, id, &mut screen),
        Err(error) => {
            without_daemon(error, &mut screen)?;
            KeyFile::of(&usual_state_directory(connection)).make_primary(id)?;
        }
    }
    finish(screen.data(&format!("in use {id}\n")))
}

/// Hosts that require the group and lack the key drop this one from their lists.
fn warn_where_nobody_has_it(known: &KeysView, id: GroupId, screen: &mut Screen) {
    let id = id.to_string();
    if known.keys.iter().any(|key| key.id == id && key.peers.is_empty()) {
        screen.say(&format!(
            "no peer that is up has shown {id} yet: see with kimchi-peers key show on each of them that it is installed there, or those \
             that require the group lose this host"
        ));
    }
}

/// Takes a key away.
pub(crate) async fn remove(arguments: &KeyIdArguments, connection: &Connection) -> Result<(), Failure> {
    let id = group_id(&arguments.id)?;
    let client = Client::find(connection)?;
    match client.remove_key(id).await {
        Ok(()) => {}
        Err(error) => {
            let mut screen = Screen::of_process();
            without_daemon(error, &mut screen)?;
            KeyFile::of(&usual_state_directory(connection)).remove(id)?;
        }
    }
    finish(Screen::of_process().data(&format!("removed {id}\n")))
}

/// That no daemon runs is no failure here: the file is what counts.
fn without_daemon(error: ClientError, screen: &mut Screen) -> Result<(), Failure> {
    if !matches!(error, ClientError::Unreachable(_)) {
        return Err(error.into());
    }
    screen.say("no daemon runs on this host; the next one will read the file");
    Ok(())
}

fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text of the file, or of standard input.
fn given(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if !is_stream(path) {
        let text = private_file::read(path).map_err(|error| Failure::new(printable(&error.to_string())))?;
        return text.ok_or_else(|| Failure::new(printable(&format!("there is no file {}", path.display()))));
    }
    let mut text = Zeroizing::new(String::with_capacity(1024));
    let read = io::stdin().lock().take(1024).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

fn group_id(text: &str) -> Result<GroupId, Failure> {
    text.trim().parse().map_err(|error: kimchi_peers::InvalidGroupId| Failure {
        status: USAGE,
        message: printable(&format!("{text:?} is {error}")).into_owned(),
        hint: Some("see the ids with: kimchi-peers key show".to_owned()),
    })
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::new(printable(&error.to_string()))
    }
}

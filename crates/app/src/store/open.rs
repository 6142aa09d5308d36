//! Opening: find the database, repair or rebuild it, choose the right list of remotes, begin a new run.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::attach;
use super::clock;
use super::contents::Contents;
use super::epoch_file;
use super::fault::Fault;
use super::peers;
use super::record::Loaded;
use super::recover::{Choice, choose};
use super::remotes;
use super::remotes_file::{self, Found};
use super::settings::{self, Settings};

/// The greatest number of a run that other hosts take (section 4 of the protocol). One that is not below it is damage:
/// nobody has ever taken a greater one, and going on from it would hide this host for good.
const EPOCH_MAX: u64 = (1 << 53) - 1;

/// An opened state directory, as the writer takes it over.
pub(super) struct Opened {
    /// The database, if it can at least be read.
    pub(super) connection: Option<Connection>,
    /// Why nothing can be written.
    pub(super) fault: Option<Fault>,
    /// Generation of the list of remotes.
    pub(super) generation: i64,
    /// Sequence of the newest history entry.
    pub(super) newest_entry: i64,
    /// The database lacks the epoch; it is to be written with the first transaction.
    pub(super) unsaved: bool,
}

/// Opens the store of `directory`. Never fails: what cannot be read or written is told in the result.
///
/// The new epoch is on the disk when this returns, in a file of its own or in the database, unless there is a fault. It is
/// the greatest of what that file, the database and remotes.json know, plus one, and the Unix time in seconds; so it grows
/// even if the database is lost, and if all are lost it grows unless the clock was set back as well.
///
/// The first search waits for this, so nothing is written beyond that as long as nothing needs repair, and a database that
/// does not exist is made later, by the writer.
pub(super) fn open(directory: &Path) -> (Opened, Loaded) {
    let file = remotes_file::read(directory);
    if matches!(file, Found::Missing)
        && attach::is_missing(directory)
        && let Some(begun) = begin_afresh(directory)
    {
        return begun;
    }
    let mut opening = Opening { directory, notices: Vec::new(), fault: None, rebuilt: false, unsaved: false };
    let (mut connection, contents) = opening.obtain();
    let choice = choose(&contents, opening.rebuilt, &file);
    opening.notices.extend(choice.notices.iter().cloned());
    let epoch = next_epoch(directory, &contents, &file);
    opening.persist(&mut connection, &contents, &choice, epoch);
    opening.tell_damaged_rows(&contents);
    if choice.keep_file && opening.fault.is_none() {
        opening.keep_file();
    }
    let loaded = Loaded {
        epoch,
        peers: contents.peers.good,
        remotes: choice.list.into_values().collect(),
        notices: opening.notices,
        degraded: opening.fault.as_ref().map(|fault| fault.sentence(directory)),
    };
    let (generation, newest_entry) = (choice.generation, contents.newest_entry);
    (Opened { connection, fault: opening.fault, generation, newest_entry, unsaved: opening.unsaved }, loaded)
}

/// The first run in a directory: there is nothing to read. `None` where not even the epoch can be kept.
fn begin_afresh(directory: &Path) -> Option<(Opened, Loaded)> {
    let epoch = next_epoch(directory, &Contents::default(), &Found::Missing);
    epoch_file::keep(directory, epoch).ok()?;
    let opened = Opened { connection: None, fault: None, generation: 0, newest_entry: 0, unsaved: true };
    Some((opened, Loaded { epoch, ..Loaded::default() }))
}

struct Opening<'a> {
    directory: &'a Path,
    notices: Vec<String>,
    fault: Option<Fault>,
    rebuilt: bool,
    unsaved: bool,
}

impl Opening<'_> {
    /// Opens and reads the database, whatever its condition.
    fn obtain(&mut self) -> (Option<Connection>, Contents) {
        match attach::attach(self.directory) {
            Ok(connection) => self.read(connection),
            Err(Fault::Damaged(why)) => (self.rebuild(&why), Contents::default()),
            Err(fault) => {
                let reader = attach::read_only(self.directory);
                let contents = reader.as_ref().map(|reader| Contents::load(reader, self.directory, false));
                // The tables of a newer program may mean something else; nothing further is read from them.
                let reader = reader.filter(|_| !matches!(fault, Fault::Newer(_)));
                self.fault = Some(fault);
                (reader, contents.unwrap_or_default())
            }
        }
    }

    fn read(&mut self, connection: Connection) -> (Option<Connection>, Contents) {
        let contents = Contents::load(&connection, self.directory, true);
        match contents.failure.clone() {
            None => (Some(connection), contents),
            Some(Fault::Damaged(why)) => {
                drop(connection);
                (self.rebuild(&why), contents)
            }
            Some(fault) => {
                self.fault = Some(fault);
                (Some(connection), contents)
            }
        }
    }

    fn rebuild(&mut self, why: &str) -> Option<Connection> {
        self.rebuilt = true;
        match attach::rebuild(self.directory, why) {
            Ok((connection, notice)) => {
                self.notices.push(notice);
                Some(connection)
            }
            Err(fault) => {
                self.notices.push(format!("the database is damaged ({why}) and could not be replaced"));
                self.fault = Some(fault);
                None
            }
        }
    }

    /// Makes the new epoch durable, and writes the repairs if there are any.
    fn persist(&mut self, connection: &mut Option<Connection>, contents: &Contents, choice: &Choice, epoch: u64) {
        let kept = epoch_file::keep(self.directory, epoch).is_ok();
        let intact = !self.rebuilt && contents.peers.damaged == 0;
        let same_list = contents.complete_list().is_some_and(|(list, _)| list == choice.list);
        // Whether another program holds the database shows without writing anything.
        let free =
            |connection: &mut Connection| connection.transaction_with_behavior(TransactionBehavior::Immediate).is_ok();
        self.unsaved = kept && intact && same_list && self.fault.is_none() && connection.as_mut().is_some_and(free);
        if !self.unsaved {
            self.repair(connection, contents, choice, epoch);
        }
    }

    /// Writes the repairs and the new epoch in one transaction. Damage met only now leads to one rebuild.
    fn repair(&mut self, connection: &mut Option<Connection>, contents: &Contents, choice: &Choice, epoch: u64) {
        for _ in 0..2 {
            let Some(writable) = connection.as_mut().filter(|_| self.fault.is_none()) else { return };
            let all_peers = self.rebuilt || contents.peers.damaged > 0;
            let Err(error) = begin_run(writable, contents, choice, epoch, all_peers) else { return };
            let fault = Fault::of_database(&error, self.directory);
            if let (Fault::Damaged(why), false) = (&fault, self.rebuilt) {
                // Closed first, for closing it later would write into the new file's log.
                *connection = None;
                *connection = self.rebuild(why);
            } else {
                self.fault = Some(fault);
            }
        }
    }

    fn tell_damaged_rows(&mut self, contents: &Contents) {
        if contents.peers.damaged > 0 {
            let count = contents.peers.damaged;
            self.notices
                .push(format!("{count} damaged rows of local peers were dropped; the peers will be found again"));
        }
        if contents.remotes.damaged > 0 {
            self.notices.push(format!("{} rows of remote peers were damaged", contents.remotes.damaged));
        }
    }

    fn keep_file(&mut self) {
        match attach::put_aside(self.directory, remotes_file::FILE) {
            Ok(aside) => self.notices.push(format!("the former remotes.json was kept as {}", aside.display())),
            Err(error) => self.notices.push(format!("the former remotes.json could not be kept: {error}")),
        }
    }
}

fn begin_run(
    connection: &mut Connection,
    contents: &Contents,
    choice: &Choice,
    epoch: u64,
    all_peers: bool,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if all_peers {
        peers::replace_all(&transaction, &contents.peers.good)?;
    }
    if contents.complete_list().is_none_or(|(list, _)| all_peers || list != choice.list) {
        remotes::replace_all(&transaction, &choice.list)?;
    }
    settings::replace_all(&transaction, &Settings::of(epoch, choice.generation, &choice.list))?;
    transaction.commit()
}

fn next_epoch(directory: &Path, contents: &Contents, file: &Found) -> u64 {
    let in_file = match file {
        Found::Intact(document) => Some(document.epoch),
        Found::Missing | Found::Doubtful(_) | Found::Unreadable(_) => None,
    };
    let kept = [contents.settings.epoch, in_file, epoch_file::read(directory)];
    let stored = kept.into_iter().flatten().filter(|epoch| *epoch < EPOCH_MAX).max();
    stored.map_or(0, |epoch| epoch + 1).max(clock::unix_seconds())
}

//! The one thread that touches the database after the opening.
//!
//! ```text
//!            commit fails                      retry fails
//! working ------------------> degraded ----------------------+
//!    ^    <------------------   ^  |   (every 15 s)          |
//!    |     retry succeeds       |  +-------------------------+
//!    |
//!    +-- damaged: put aside, built anew from memory, at once
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::watch;

use super::attach;
use super::availability;
use super::clock::{self, Steadiness};
use super::contents::Contents;
use super::fault::{Fault, StoreError};
use super::lock::StateDirectory;
use super::open::Opened;
use super::pending::Batch;
use super::record::{Availability, AvailabilityQuestion, HistoryEntry, HistoryFilter, Loaded, StoredRemote};
use super::remote_list::Change;
use super::remotes::{self, RemoteList};
use super::remotes_file::{self, Document, Staged};
use super::settings::{self, Settings};
use super::shared::{Request, Rhythm, Shared, Work};
use super::standing::Run;
use super::tally::{DAY_MS, KEPT_DAYS};
use super::{fold, history, peers, runs};

/// From a failed commit to the next attempt.
const RETRY_AFTER: Duration = Duration::from_secs(15);

type Action<'a> = &'a dyn Fn(&Connection) -> rusqlite::Result<()>;

/// The state of the writer thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Held so that no other daemon can take the directory while this thread still writes.
    directory: StateDirectory,
    connection: Option<Connection>,
    /// The list as it is in the database, or would be if that could be written.
    list: RemoteList,
    generation: i64,
    epoch: u64,
    /// When this daemon began to run, and when that was last written.
    run: Run,
    /// Whether the wall clock is believed when it says that something is old.
    wall_clock: Steadiness,
    /// Whether old runs were deleted by that clock, or only those that are too many; nothing before the first time.
    pruned_by_age: Option<bool>,
    /// The database lacks the list and settings above; they are written with the next transaction.
    unsaved: bool,
    /// `remotes.json` lacks the list and epoch above.
    file_stale: bool,
    fault: Option<Fault>,
    last_commit: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Writer {
    /// Takes over what was opened.
    pub(super) fn new(shared: Arc<Shared>, directory: StateDirectory, opened: Opened, loaded: &Loaded) -> Self {
        let Opened { connection, fault, generation, newest_entry: _, unsaved } = opened;
        Self {
            shared,
            directory,
            connection,
            list: loaded.remotes.iter().map(|remote| (remote.key.clone(), remote.clone())).collect(),
            generation,
            epoch: loaded.epoch,
            run: Run::begin(clock::unix_milliseconds()),
            wall_clock: Steadiness::new(clock::unix_milliseconds(), kimchi_peers::now()),
            pruned_by_age: None,
            unsaved: unsaved || fault.is_some(),
            file_stale: true,
            retry_at: fault.is_some().then(|| Instant::now() + RETRY_AFTER),
            fault,
            last_commit: None,
        }
    }

    /// Works until the store is closed, then lets go of the database and tells `done`.
    pub(super) fn run(mut self, done: &watch::Sender<bool>) {
        // Not part of the opening, for the start of the daemon need not wait for it. With something unsaved it follows the
        // first commit.
        if self.fault.is_none() && !self.unsaved {
            self.write_file();
        }
        loop {
            match self.shared.next(self.rhythm()) {
                Work::Answer(request) => self.answer(request),
                Work::Commit(batch) => self.commit(batch),
                Work::Close(batch) => {
                    self.finish(batch);
                    break;
                }
            }
        }
        // Closes the database and gives the lock of the directory back before anyone is told.
        drop(self);
        done.send_replace(true);
    }

    fn rhythm(&self) -> Rhythm {
        match (&self.fault, self.retry_at) {
            (Some(Fault::Newer(_)), _) => Rhythm::Never,
            (Some(_), Some(time)) => Rhythm::RetryAt(time),
            _ => Rhythm::Normal(self.last_commit),
        }
    }

    fn answer(&mut self, request: Request) {
        // A caller that has gone away needs no answer.
        match request {
            Request::Add(remote, reply) => drop(reply.send(self.add(*remote))),
            Request::Remove(key, reply) => drop(reply.send(self.remove(&key))),
            Request::History(filter, reply) => drop(reply.send(self.history(&filter))),
            Request::Availability(question, reply) => drop(reply.send(self.availability(*question))),
            Request::Answer(reply) => drop(reply.send(Ok(()))),
        }
    }

    fn add(&mut self, remote: StoredRemote) -> Result<(), StoreError> {
        if self.list.contains_key(&remote.key) {
            return Err(StoreError::Exists(remote.key));
        }
        let key = remote.key.clone();
        self.change_list(Change::Add(remote))?;
        self.shared.update(|pending, _| pending.forget_health(&key));
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<bool, StoreError> {
        let Some(remote) = self.list.get(key).cloned() else { return Ok(false) };
        self.change_list(Change::Remove(remote))?;
        self.shared.update(|pending, _| pending.forget_health(key));
        Ok(true)
    }

    /// Changes the list in both places or in none. The new file is written first and renamed last: until the database
    /// has committed nothing has happened, and afterwards only the renaming can fail, which is then undone.
    fn change_list(&mut self, change: Change) -> Result<(), StoreError> {
        self.make_writable().map_err(|fault| self.refuse(fault))?;
        if self.file_stale {
            // Before the list grows: a file that is missing beside a list would look lost.
            self.write_file();
        }
        let list = change.applied_to(&self.list);
        let staged = self.stage(&list).map_err(|fault| self.refuse(fault))?;
        self.commit_list(&change, list).map_err(|fault| self.refuse(fault))?;
        let Err(error) = staged.publish() else { return Ok(()) };
        self.file_stale = true;
        let before = change.inverse().applied_to(&self.list);
        if self.commit_list(&change.inverse(), before).is_err() {
            tracing::warn!("a change of the remote peers was answered with an error, but is in the database");
        }
        let fault = Fault::of_file(&error);
        self.suffer(fault.clone());
        Err(self.refuse(fault))
    }

    fn stage(&self, list: &RemoteList) -> Result<Staged, Fault> {
        let document = Document::new(self.epoch, self.generation.saturating_add(1), list);
        remotes_file::stage(self.directory.path(), &document).map_err(|error| Fault::of_file(&error))
    }

    fn commit_list(&mut self, change: &Change, list: RemoteList) -> Result<(), Fault> {
        let generation = self.generation.saturating_add(1);
        let settings = Settings::of(self.epoch, generation, &list);
        self.transact(&|connection| {
            change.write(connection)?;
            settings::replace_all(connection, &settings)
        })?;
        self.list = list;
        self.generation = generation;
        Ok(())
    }

    fn refuse(&mut self, fault: Fault) -> StoreError {
        // Not again for the same: requests must not put off the next attempt for ever.
        if self.fault.as_ref() != Some(&fault) {
            self.suffer(fault.clone());
        }
        fault.into_error(self.directory.path())
    }

    fn history(&mut self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StoreError> {
        let mut entries = self.shared.update(|pending, _| pending.entries(filter));
        let limit = filter.limit.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        let Some(connection) = &self.connection else { return Ok(entries) };
        let rows = history::load(connection, &HistoryFilter { limit, ..filter.clone() });
        if rows.damaged > 0 {
            tracing::warn!(rows = rows.damaged, "damaged rows of the history are left out");
        }
        if let Some(error) = rows.failure {
            let fault = Fault::of_database(&error, self.directory.path());
            return Err(fault.into_error(self.directory.path()));
        }
        entries.extend(rows.good);
        Ok(entries)
    }

    fn availability(&mut self, question: AvailabilityQuestion) -> Result<Vec<Availability>, StoreError> {
        let all = HistoryFilter::newest(u32::MAX);
        let mut waiting = self.shared.update(|pending, _| pending.entries(&all));
        waiting.reverse();
        self.run = self.run.go_on(clock::unix_milliseconds());
        availability::answer(self.connection.as_ref(), &waiting, question, self.run).map_err(|error| {
            let directory = self.directory.path();
            Fault::of_database(&error, directory).into_error(directory)
        })
    }

    fn commit(&mut self, batch: Batch) {
        let outcome = self.make_writable().and_then(|()| self.write(&batch));
        self.last_commit = Some(Instant::now());
        match outcome {
            Ok(()) if self.file_stale => self.write_file(),
            Ok(()) => {}
            Err(fault) => {
                self.shared.update(|pending, now| pending.put_back(batch, now));
                self.suffer(fault);
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Fault> {
        let changed = super::remote_list::apply_health(&self.list, &batch.health);
        let certificate_changed = changed
            .iter()
            .any(|remote| self.list.get(&remote.key).is_some_and(|before| before.certificate != remote.certificate));
        // A certificate is in remotes.json too, and which of the two is newer is told by the generation.
        let generation = self.generation.saturating_add(certificate_changed.into());
        // Also written after a failure: with nothing else to write, only a real write shows that the disk works again.
        let settings = Settings::of(self.epoch, generation, &self.list);
        let write_settings = certificate_changed || self.fault.is_some();
        self.run = self.run.go_on(clock::unix_milliseconds());
        let run = self.run;
        let by_age = self.wall_clock.look(clock::unix_milliseconds(), kimchi_peers::now());
        let prune_runs = self.pruned_by_age != Some(by_age);
        let oldest_run = if by_age { run.start.saturating_sub(KEPT_DAYS * DAY_MS) } else { i64::MIN };
        let newest = batch.history.last().map(|entry| entry.sequence);
        self.transact(&|connection| {
            peers::apply(connection, &batch.peers)?;
            changed.iter().try_for_each(|remote| remotes::save(connection, remote))?;
            history::save(connection, &batch.history)?;
            runs::save(connection, run)?;
            if prune_runs {
                runs::prune(connection, oldest_run)?;
            }
            fold::fold(connection, newest, run, by_age)?;
            if write_settings { settings::replace_all(connection, &settings) } else { Ok(()) }
        })?;
        self.pruned_by_age = Some(by_age);
        self.generation = generation;
        self.file_stale |= certificate_changed;
        self.list.extend(changed.into_iter().map(|remote| (remote.key.clone(), remote)));
        Ok(())
    }

    /// Runs `action` in a transaction. If the database turns out to be damaged, it is built anew and the action
    /// repeated.
    fn transact(&mut self, action: Action<'_>) -> Result<(), Fault> {
        let outcome = match self.transact_once(action) {
            Err(Fault::Damaged(why)) => self.rebuild(&why).and_then(|()| self.transact_once(action)),
            outcome => outcome,
        };
        let bytes = attach::size(self.directory.path());
        let recovered = outcome.is_ok() && self.fault.take().is_some();
        self.shared.report(|status| {
            status.database_bytes = bytes;
            match outcome {
                Ok(()) => status.commits += 1,
                Err(_) => status.failed_commits += 1,
            }
            if recovered {
                status.degraded = None;
            }
        });
        if recovered {
            tracing::info!("the store can be written again");
        }
        outcome
    }

    fn transact_once(&mut self, action: Action<'_>) -> Result<(), Fault> {
        let Some(connection) = &mut self.connection else { return Err(self.no_connection()) };
        let mut write = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if self.unsaved {
                remotes::replace_all(&transaction, &self.list)?;
                settings::replace_all(&transaction, &Settings::of(self.epoch, self.generation, &self.list))?;
            }
            action(&transaction)?;
            transaction.commit()
        };
        write().map_err(|error| Fault::of_database(&error, self.directory.path()))?;
        self.unsaved = false;
        Ok(())
    }

    /// Opens the database again where it could not be opened for writing before.
    fn make_writable(&mut self) -> Result<(), Fault> {
        if let Some(Fault::Newer(version)) = &self.fault {
            return Err(Fault::Newer(*version));
        }
        let writable = |connection: &Connection| !connection.is_readonly("main").unwrap_or(true);
        if self.fault != Some(Fault::ReadOnly) && self.connection.as_ref().is_some_and(writable) {
            return Ok(());
        }
        self.connection = None;
        match attach::attach(self.directory.path()) {
            Ok(connection) => self.adopt(connection),
            Err(Fault::Damaged(why)) => self.rebuild(&why),
            Err(fault) => {
                self.connection = attach::read_only(self.directory.path());
                Err(fault)
            }
        }
    }

    /// Takes a database that could not be opened before. Its list is used if it is newer than the one in memory: then
    /// the database could not even be read at the start.
    fn adopt(&mut self, connection: Connection) -> Result<(), Fault> {
        let contents = Contents::load(&connection, self.directory.path(), true);
        match contents.failure.clone() {
            Some(Fault::Damaged(why)) => {
                drop(connection);
                return self.rebuild(&why);
            }
            Some(fault) => return Err(fault),
            None => {}
        }
        if let Some((list, generation)) = contents.complete_list().filter(|(_, found)| *found > self.generation) {
            tracing::warn!("the database has a newer list of remote peers; restart the daemon to load it");
            (self.list, self.generation) = (list, generation);
        }
        self.epoch = self.epoch.max(contents.settings.epoch.unwrap_or(0));
        self.shared.update(|pending, _| pending.renumber_after(contents.newest_entry));
        (self.connection, self.unsaved, self.file_stale) = (Some(connection), true, true);
        Ok(())
    }

    fn rebuild(&mut self, why: &str) -> Result<(), Fault> {
        self.connection = None;
        let (connection, notice) = attach::rebuild(self.directory.path(), why)?;
        tracing::error!("{notice}");
        (self.connection, self.unsaved) = (Some(connection), true);
        Ok(())
    }

    fn write_file(&mut self) {
        let document = Document::new(self.epoch, self.generation, &self.list);
        match remotes_file::stage(self.directory.path(), &document).and_then(Staged::publish) {
            Ok(()) => self.file_stale = false,
            Err(error) => self.suffer(Fault::of_file(&error)),
        }
    }

    fn suffer(&mut self, fault: Fault) {
        let sentence = fault.sentence(self.directory.path());
        if self.fault.as_ref() != Some(&fault) {
            tracing::warn!("{sentence}");
        }
        self.shared.report(|status| status.degraded = Some(sentence));
        self.fault = Some(fault);
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }

    fn no_connection(&self) -> Fault {
        self.fault.clone().unwrap_or_else(|| Fault::Failing("the database is not open".to_owned()))
    }

    fn finish(&mut self, batch: Batch) {
        // Also where nothing waits: until when this daemon ran is known now.
        self.commit(batch);
        if let Some(connection) = self.connection.take().filter(|_| self.fault.is_none()) {
            // Folds the log into the database; what fails here is done by the next opening.
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }
}

//! What was registered while no daemon ran: a file in the state directory that the next one picks up.
//!
//! Wok registers itself once, when it starts, and never again. The program that it runs for that may be root, the daemon
//! need not be, and both may be at the file at once: it is locked for each change.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;

use crate::service::ServiceUrl;

/// The name of the file in the state directory.
const SPOOL_FILE: &str = "services.spool";
/// Longer than any file that was not tampered with.
const LENGTH_MAX: u64 = 64 << 10;
/// Wishes kept at most; the newest stay.
const WISHES_MAX: usize = 64;
/// How often the file may be replaced under the hands of who opens it.
const ATTEMPTS: usize = 8;

/// What somebody wanted of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    Register(ServiceUrl),
    Deregister(ServiceUrl),
}

impl Wish {
    const fn url(&self) -> &ServiceUrl {
        match self {
            Self::Register(url) | Self::Deregister(url) => url,
        }
    }

    fn line(&self) -> String {
        let word = if matches!(self, Self::Register(_)) { "register" } else { "deregister" };
        format!("{word} {}\n", self.url())
    }

    fn read(line: &str) -> Option<Self> {
        let (word, url) = line.split_once(' ')?;
        let url = url.parse().ok()?;
        match word {
            "register" => Some(Self::Register(url)),
            "deregister" => Some(Self::Deregister(url)),
            _ => None,
        }
    }
}

/// The file of a state directory.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    directory: PathBuf,
    path: PathBuf,
}

impl Spool {
    /// That of this state directory; it need not be there yet.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), path: directory.join(SPOOL_FILE) }
    }

    /// Adds a wish; an earlier one about the same URL counts no more. Durable when it returns.
    ///
    /// # Errors
    /// The operating system's; then what was there is there still, as far as the disk lets it.
    pub(crate) fn add(&self, wish: &Wish) -> io::Result<()> {
        if !self.directory.exists() {
            // Wok may start before the daemon ever did.
            DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        }
        let mut file = self.open(true)?.ok_or(io::ErrorKind::NotFound)?;
        let mut wishes = wishes_in(&mut file)?;
        wishes.retain(|other| other.url() != wish.url());
        wishes.push(wish.clone());
        let text: String = wishes.iter().rev().take(WISHES_MAX).rev().map(Wish::line).collect();
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// Takes all wishes out, in their order.
    ///
    /// # Errors
    /// The operating system's; then they are there still.
    pub(crate) fn take(&self) -> io::Result<Vec<Wish>> {
        let Some(mut file) = self.open(false)? else { return Ok(Vec::new()) };
        let wishes = wishes_in(&mut file)?;
        std::fs::remove_file(&self.path)?;
        Ok(wishes)
    }

    /// The wishes that are there, and leaves them there.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn peek(&self) -> io::Result<Vec<Wish>> {
        self.open(false)?.map_or_else(|| Ok(Vec::new()), |mut file| wishes_in(&mut file))
    }

    /// The file, locked, and still the one of that name; `None` where there is none and none was to be made.
    fn open(&self, create: bool) -> io::Result<Option<File>> {
        for _ in 0..ATTEMPTS {
            let mut options = OpenOptions::new();
            // No link of the daemon's user leads root elsewhere.
            options.read(true).write(true).create(create).mode(0o600).custom_flags(O_NOFOLLOW);
            let file = match options.open(&self.path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Ok(None),
                Err(error) => return Err(error),
            };
            file.lock()?;
            let own = file.metadata()?;
            if !own.is_file() || own.nlink() > 1 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file"));
            }
            if std::fs::metadata(&self.path).is_ok_and(|named| named.ino() == own.ino() && named.dev() == own.dev()) {
                self.give_to_owner(&file)?;
                return Ok(Some(file));
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// What root makes in the directory of the daemon's user must be that user's.
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let owner = std::fs::metadata(&self.directory)?;
        fchown(file, Some(owner.uid()), Some(owner.gid()))
    }
}

/// What a file says; lines that are no wishes are passed over.
fn wishes_in(file: &mut File) -> io::Result<Vec<Wish>> {
    let mut bytes = Vec::new();
    file.take(LENGTH_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(Wish::read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(number: usize) -> ServiceUrl {
        format!("service:wokd://kvm-{number}:8001").parse().unwrap()
    }

    #[test]
    fn what_is_put_in_comes_out_once_and_the_last_word_counts() {
        let place = tempfile::tempdir().unwrap();
        let spool = Spool::of(&place.path().join("state"));
        assert!(spool.take().is_ok_and(|wishes| wishes.is_empty()));
        for wish in [Wish::Register(url(1)), Wish::Register(url(2)), Wish::Deregister(url(1)), Wish::Register(url(2))] {
            spool.add(&wish).unwrap();
        }
        assert_eq!(spool.take().unwrap(), [Wish::Deregister(url(1)), Wish::Register(url(2))]);
        assert_eq!(spool.take().unwrap(), []);
    }

    #[test]
    fn it_stays_short_and_takes_no_nonsense() {
        let place = tempfile::tempdir().unwrap();
        let spool = Spool::of(place.path());
        (0..100).for_each(|number| spool.add(&Wish::Register(url(number))).unwrap());
        let wishes = spool.take().unwrap();
        assert_eq!((wishes.len(), wishes.last()), (64, Some(&Wish::Register(url(99)))));
        std::fs::write(place.path().join(SPOOL_FILE), b"\xff\nregister\nregister x\nremove service:wokd://a:1\n")
            .unwrap();
        assert_eq!(spool.take().unwrap(), []);
    }

    #[test]
    fn it_follows_no_link() {
        let place = tempfile::tempdir().unwrap();
        let victim = place.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, place.path().join(SPOOL_FILE)).unwrap();
        let spool = Spool::of(place.path());
        assert!(spool.add(&Wish::Register(url(1))).is_err() && spool.take().is_err());
        std::fs::remove_file(place.path().join(SPOOL_FILE)).unwrap();
        std::fs::hard_link(&victim, place.path().join(SPOOL_FILE)).unwrap();
        assert!(spool.add(&Wish::Register(url(1))).is_err());
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let place = tempfile::tempdir().unwrap();
        let spool = Spool::of(place.path());
        let (mut taken, writers) = std::thread::scope(|scope| {
            let writer = |number: usize| {
                let spool = spool.clone();
                scope.spawn(move || spool.add(&Wish::Register(url(number))).unwrap())
            };
            let writers: Vec<_> = (0..16).map(writer).collect();
            let mut taken = Vec::new();
            (0..20).for_each(|_| taken.extend(spool.take().unwrap()));
            (taken, writers.len())
        });
        taken.extend(spool.take().unwrap());
        assert_eq!(taken.len(), writers);
    }
}

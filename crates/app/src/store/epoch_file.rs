//! The number of the run in a file of its own: the one thing that must be durable before the first datagram goes out.
//!
//! It has one length, so that a start overwrites one block and waits for one write of the disk, not for the three of a
//! transaction. The database and `remotes.json` get the number too, a moment later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the file in the state directory.
pub(super) const FILE: &str = "epoch";
/// Digits of the number: as many as a 64 bit number can have.
const DIGITS: usize = 20;
/// Bytes of the file: the digits and the end of the line.
const LENGTH: u64 = DIGITS as u64 + 1;

/// The number that was kept last; nothing where there is no file or its content is not what [`keep`] writes.
pub(super) fn read(directory: &Path) -> Option<u64> {
    let mut text = String::new();
    File::open(directory.join(FILE)).ok()?.take(LENGTH + 1).read_to_string(&mut text).ok()?;
    let digits = text.strip_suffix('\n').filter(|digits| digits.len() == DIGITS)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Keeps the number; it is on the disk when this returns.
pub(super) fn keep(directory: &Path, epoch: u64) -> io::Result<()> {
    let path = directory.join(FILE);
    let is_new = !path.exists();
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.write_all(format!("{epoch:0DIGITS$}\n").as_bytes())?;
    if file.metadata()?.len() > LENGTH {
        // Something else wrote there. What is left of that would make the number unreadable for good.
        file.set_len(LENGTH)?;
    }
    if !is_new {
        return file.sync_data();
    }
    file.sync_all()?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_comes_back_and_nothing_else_does() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(read(place.path()), None);
        for epoch in [u64::MAX, 0, 1_795_415_329] {
            keep(place.path(), epoch).unwrap();
            assert_eq!(read(place.path()), Some(epoch));
        }
        for junk in ["", "1", "-0000000000000000001\n", "99999999999999999999\n", "000000000000000000011\n"] {
            std::fs::write(place.path().join(FILE), junk).unwrap();
            assert_eq!(read(place.path()), None, "{junk:?}");
            keep(place.path(), 7).unwrap();
            assert_eq!(read(place.path()), Some(7), "after {junk:?}");
        }
    }
}

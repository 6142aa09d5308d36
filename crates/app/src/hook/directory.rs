//! The directory of hooks: what in it is run, and what is refused because others could put their own in its place.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Permission bits by which others than the owner can change something.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In a directory with this bit nobody can replace what belongs to somebody else.
const STICKY: u32 = 0o1000;
const EXECUTABLE: u32 = 0o111;

/// What a look at the directory showed.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The executables to run, in the order of their names.
    pub(super) hooks: Vec<PathBuf>,
    /// Why others are not run, a sentence each.
    pub(super) refused: Vec<String>,
}

/// Looks at the directory. Hidden files, those of editors and those that are not executable are passed over.
pub(super) fn look(directory: &Path) -> Found {
    let own = nix::unistd::geteuid().as_raw();
    let mut found = Found::default();
    if let Err(sentence) = judge_chain(directory, own) {
        found.refused.push(format!("no hook is run: {sentence}"));
        return found;
    }
    let mut paths = match paths_in(directory) {
        Ok(paths) => paths,
        Err(error) => {
            found.refused.push(format!("no hook is run: cannot read {}: {error}", printable(directory)));
            return found;
        }
    };
    paths.sort();
    for path in paths.into_iter().filter(|path| is_meant(path)) {
        match judge_chain(&path, own) {
            Ok(()) => found.hooks.push(path),
            Err(sentence) => found.refused.push(format!("the hook {} is not run: {sentence}", printable(&path))),
        }
    }
    found
}

fn paths_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Whether a file is there to be run.
fn is_meant(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let is_hidden = name.starts_with(b".") || name.ends_with(b"~");
    !is_hidden && path.metadata().is_ok_and(|file| file.is_file() && file.mode() & EXECUTABLE != 0)
}

/// Whether nobody but root and the daemon's user can change what is at the end of the path, however many links lead there.
fn judge_chain(path: &Path, own: u32) -> Result<(), String> {
    let unreadable = |error: io::Error| format!("cannot look at {}: {error}", printable(path));
    let whole = path.canonicalize().map_err(unreadable)?;
    for part in whole.ancestors() {
        judge(part, &part.metadata().map_err(unreadable)?, own)?;
    }
    Ok(())
}

fn judge(path: &Path, metadata: &Metadata, own: u32) -> Result<(), String> {
    let (mode, owner) = (metadata.mode(), metadata.uid());
    if owner != 0 && owner != own {
        return Err(format!(
            "{path} belongs to the user with the number {owner}, who is neither root nor the daemon's own; make it root's \
             with: chown root {path}",
            path = printable(path)
        ));
    }
    let is_shared_place = metadata.is_dir() && mode & STICKY != 0;
    if mode & WRITABLE_BY_OTHERS != 0 && !is_shared_place {
        return Err(format!(
            "others can change {path} (mode {:o}); forbid that with: chmod go-w {path}",
            mode & 0o7777,
            path = printable(path)
        ));
    }
    Ok(())
}

fn printable(path: &Path) -> String {
    crate::settings::printable(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    fn allow(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A directory with a file of each of these modes.
    fn place(files: &[(&str, u32)]) -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("hooks.d");
        create_dir(&directory).unwrap();
        allow(&directory, 0o755);
        for (name, mode) in files {
            write(directory.join(name), "#!/bin/sh\n").unwrap();
            allow(&directory.join(name), *mode);
        }
        (place, directory)
    }

    fn names(found: &Found) -> Vec<String> {
        found.hooks.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn executables_are_run_by_their_names_and_others_are_no_hooks() {
        let files = [("20-b", 0o755), ("10-a", 0o700), ("README", 0o644), (".hidden", 0o755), ("old~", 0o755)];
        let (_place, directory) = place(&files);
        create_dir(directory.join("30-directory")).unwrap();
        let found = look(&directory);
        assert_eq!((names(&found), found.refused.len()), (vec!["10-a".to_owned(), "20-b".to_owned()], 0), "{found:?}");
    }

    #[test]
    fn what_others_can_change_is_refused_with_the_remedy() {
        let (place, directory) = place(&[("bad", 0o775), ("good", 0o755), ("worse", 0o757)]);
        let found = look(&directory);
        assert_eq!((names(&found), found.refused.len()), (vec!["good".to_owned()], 2));
        let bad = directory.canonicalize().unwrap().join("bad");
        assert!(found.refused[0].contains("(mode 775)"), "{found:?}");
        assert!(found.refused[0].ends_with(&format!("chmod go-w {}", bad.display())), "{found:?}");
        let shared = place.path().join("shared");
        create_dir(&shared).unwrap();
        allow(&shared, 0o777);
        std::os::unix::fs::symlink(shared.join("target"), directory.join("link")).unwrap();
        write(shared.join("target"), "#!/bin/sh\n").unwrap();
        allow(&shared.join("target"), 0o755);
        assert!(look(&directory).refused.iter().any(|sentence| sentence.contains("/link is not run")));
        allow(&directory, 0o777);
        let found = look(&directory);
        assert!(
            found.hooks.is_empty() && found.refused[0].starts_with("no hook is run: others can change"),
            "{found:?}"
        );
        assert!(look(&directory.join("nowhere")).refused[0].contains("cannot look at"));
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        let (_place, directory) = place(&[("hook", 0o755)]);
        let metadata = directory.join("hook").metadata().unwrap();
        let own = metadata.uid();
        assert_eq!(judge(&directory, &metadata, own), Ok(()));
        if own != 0 {
            assert!(judge(&directory, &metadata, own + 1).unwrap_err().contains("chown root"));
        }
    }
}

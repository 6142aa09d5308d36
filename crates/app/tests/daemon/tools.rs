//! Programs of others that tests want: where they are, and what is said where they are not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skipped::not_tested;

/// The program of this name: in the gate's Python environment, else where the shell finds it. Where there is none, that
/// is said, and with `CI=true` it is a failure.
pub(crate) fn program_of(name: &str, package: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin").join(name);
    let found = [own, PathBuf::from(name), Path::new("/usr/sbin").join(name)].into_iter().find(|path| starts(path));
    if found.is_none() {
        not_tested(&format!("there is no program named {name}; install {package}"));
    }
    found
}

fn starts(path: &Path) -> bool {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

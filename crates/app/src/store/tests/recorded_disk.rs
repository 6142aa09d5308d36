//! What a program did to the files of one directory, recorded system call by system call, and what a disk may hold of it
//! after the power fails.
//!
//! A write is only sure to be there once its file was synced, and a name once its directory was. Until then any of the
//! writes may be there, whole or in part, in any order, and any first part of the changes of names: more than a
//! journaling file system really does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A sector: the part of a write that is there whole or not at all.
const SECTOR: usize = 512;

/// A change of a file's bytes.
#[derive(Debug, Clone)]
enum Write {
    At(usize, Vec<u8>),
    Length(usize),
}

/// A change of the directory.
#[derive(Debug, Clone)]
enum Naming {
    Is(String, usize),
    Not(String),
}

#[derive(Debug, Default, Clone)]
struct File {
    sure: Vec<u8>,
    unsure: Vec<Write>,
}

impl File {
    fn sync(&mut self) {
        for write in std::mem::take(&mut self.unsure) {
            apply(&mut self.sure, &write, usize::MAX);
        }
    }
}

/// Puts a write into a file's bytes, but for what lies behind its first `kept` bytes.
fn apply(bytes: &mut Vec<u8>, write: &Write, kept: usize) {
    match write {
        Write::At(offset, data) => {
            let data = &data[..data.len().min(kept)];
            bytes.resize(bytes.len().max(offset + data.len()), 0);
            bytes[*offset..offset + data.len()].copy_from_slice(data);
        }
        Write::Length(length) => bytes.resize(*length, 0),
    }
}

/// One step of the record.
#[derive(Debug)]
pub(super) enum Step {
    /// A system call, to be given to [`Disk::take`].
    Call(Call),
    /// The program made a file of this name in the directory of marks: something was answered.
    Mark(String),
}

/// A system call that succeeded.
#[derive(Debug)]
pub(super) struct Call {
    name: String,
    arguments: Vec<String>,
    result: i64,
}

/// The files of one directory as a disk holds them, what is unsure apart.
#[derive(Debug, Default)]
pub(super) struct Disk {
    directory: String,
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    sure_names: BTreeMap<String, usize>,
    unsure_names: Vec<Naming>,
    /// Open files by descriptor: which one, and where the next write goes.
    open: BTreeMap<i64, (usize, usize)>,
    open_directories: Vec<i64>,
}

impl Disk {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_str().unwrap().to_owned(), ..Self::default() }
    }

    /// The name of a file right in the directory.
    fn name_of(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.directory)?.strip_prefix('/')?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    pub(super) fn take(&mut self, call: &Call) {
        let argument = |index: usize| call.arguments[index].as_str();
        match call.name.as_str() {
            "openat" => self.opened(argument(1), argument(2), call.result),
            "close" => {
                let descriptor: i64 = argument(0).parse().unwrap();
                self.open.remove(&descriptor);
                self.open_directories.retain(|open| *open != descriptor);
            }
            "write" => self.written(argument(0), argument(1), None, call.result),
            "pwrite64" => self.written(argument(0), argument(1), Some(argument(3).parse().unwrap()), call.result),
            "lseek" => {
                if let Some(open) = self.open.get_mut(&argument(0).parse().unwrap()) {
                    open.1 = usize::try_from(call.result).unwrap();
                }
            }
            "ftruncate" => {
                if let Some((file, _)) = self.open.get(&argument(0).parse().unwrap()) {
                    self.files[*file].unsure.push(Write::Length(argument(1).parse().unwrap()));
                }
            }
            "fsync" | "fdatasync" => self.synced(argument(0).parse().unwrap()),
            "rename" => {
                let (from, to) = (text(argument(0)), text(argument(1)));
                if let Some((from, to)) = self.name_of(&from).zip(self.name_of(&to))
                    && let Some(file) = self.names.remove(&from)
                {
                    self.names.insert(to.clone(), file);
                    // One change: the two names never both lead to nothing.
                    self.unsure_names.extend([Naming::Is(to, file), Naming::Not(from)]);
                }
            }
            "unlink" => {
                if let Some(name) = self.name_of(&text(argument(0))) {
                    self.names.remove(&name);
                    self.unsure_names.push(Naming::Not(name));
                }
            }
            other => panic!("{other} is recorded and not understood"),
        }
    }

    fn opened(&mut self, path: &str, flags: &str, descriptor: i64) {
        let path = text(path);
        if path == self.directory {
            return self.open_directories.push(descriptor);
        }
        let Some(name) = self.name_of(&path) else { return };
        let file = *self.names.entry(name.clone()).or_insert_with(|| {
            self.files.push(File::default());
            self.unsure_names.push(Naming::Is(name, self.files.len() - 1));
            self.files.len() - 1
        });
        if flags.contains("O_TRUNC") {
            self.files[file].unsure.push(Write::Length(0));
        }
        self.open.insert(descriptor, (file, 0));
    }

    fn written(&mut self, descriptor: &str, data: &str, at: Option<usize>, length: i64) {
        let Some(open) = self.open.get_mut(&descriptor.parse().unwrap()) else { return };
        let mut data = bytes(data);
        data.truncate(usize::try_from(length).unwrap());
        let offset = at.unwrap_or(open.1);
        if at.is_none() {
            open.1 += data.len();
        }
        self.files[open.0].unsure.push(Write::At(offset, data));
    }

    fn synced(&mut self, descriptor: i64) {
        if let Some((file, _)) = self.open.get(&descriptor) {
            self.files[*file].sync();
        } else if self.open_directories.contains(&descriptor) {
            for naming in std::mem::take(&mut self.unsure_names) {
                rename(&mut self.sure_names, &naming);
            }
        }
    }

    /// Writes what the disk may hold after a power failure at this moment into a directory. `random` below 1 decides each
    /// question; always 0 gives what is sure and nothing else.
    pub(super) fn image(&self, directory: &Path, random: &mut impl FnMut() -> f64) {
        let mut names = self.sure_names.clone();
        let kept = (random() * (self.unsure_names.len() + 1) as f64) as usize;
        self.unsure_names.iter().take(kept).for_each(|naming| rename(&mut names, naming));
        for (name, file) in &names {
            let file = &self.files[*file];
            let mut bytes = file.sure.clone();
            // In some images nearly all is there, in others nearly nothing.
            let share = random();
            for write in &file.unsure {
                if random() < share {
                    let torn = random() < share / 4.0;
                    let sectors = if torn { (random() * 8.0) as usize * SECTOR } else { usize::MAX };
                    apply(&mut bytes, write, sectors);
                }
            }
            fs::write(directory.join(name), bytes).unwrap();
        }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Is(name, file) => drop(names.insert(name.clone(), *file)),
        Naming::Not(name) => drop(names.remove(name)),
    }
}

/// The bytes of a string as `strace -xx` prints it.
fn bytes(printed: &str) -> Vec<u8> {
    let digits = printed.trim_matches('"');
    digits.split("\\x").skip(1).map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn text(printed: &str) -> String {
    String::from_utf8(bytes(printed)).unwrap()
}

/// Reads what `strace -f -xx` wrote, in the order in which the calls ended. `marks` is the directory of marks.
pub(super) fn read(trace: &str, marks: &Path) -> Vec<Step> {
    let mut unfinished: BTreeMap<&str, String> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, begun.to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => unfinished.remove(thread).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        steps.extend(call(&whole).map(|call| step(call, marks)));
    }
    steps
}

fn step(call: Call, marks: &Path) -> Step {
    if call.name == "openat"
        && let Some(mark) = text(&call.arguments[1]).strip_prefix(marks.to_str().unwrap())
    {
        return Step::Mark(mark.trim_start_matches('/').to_owned());
    }
    Step::Call(call)
}

/// A call with its arguments; nothing of one that failed, and of what is no call.
fn call(line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result = result.split(' ').next()?.parse().ok().filter(|result| *result >= 0)?;
    let arguments = arguments.trim_end().strip_suffix(')')?.split(", ").map(str::to_owned).collect();
    Some(Call { name: name.to_owned(), arguments, result })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    /// The names and bytes of what is surely there after a record.
    fn sure(trace: &str) -> BTreeMap<String, Vec<u8>> {
        let mut disk = Disk::new(Path::new("/state"));
        for step in read(trace, Path::new("/marks")) {
            if let Step::Call(call) = step {
                disk.take(&call);
            }
        }
        let image = tempfile::tempdir().unwrap();
        disk.image(image.path(), &mut || 0.0);
        let entries = fs::read_dir(image.path()).unwrap().map(Result::unwrap);
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
    }

    #[test]
    fn nothing_is_sure_before_it_is_synced() {
        let (directory, new, old) = (hex("/state"), hex("/state/new"), hex("/state/old"));
        let write = format!(
            "7 openat(AT_FDCWD, \"{new}\", O_WRONLY|O_CREAT, 0600) = 5\n7 write(5, \"{}\", 3) = 3\n\
             7 openat(AT_FDCWD, \"{directory}\", O_RDONLY) = 6\n",
            hex("abc")
        );
        assert!(sure(&write).is_empty());
        assert!(sure(&format!("{write}7 fsync(5) = 0\n")).is_empty(), "its name is not");
        assert_eq!(sure(&format!("{write}7 fsync(6) = 0\n"))["new"], b"", "its bytes are not");
        let synced = format!("{write}7 fdatasync(5) = 0\n7 fsync(6) = 0\n");
        assert_eq!(sure(&synced)["new"], b"abc");
        let renamed = format!("{synced}7 rename(\"{new}\", \"{old}\") = 0\n");
        assert!(sure(&renamed).contains_key("new"));
        let both = format!("{renamed}7 fsync( <unfinished ...>\n8 close(99) = 0\n7 <... fsync resumed>6) = 0\n");
        assert_eq!(sure(&both).keys().collect::<Vec<_>>(), ["old"]);
    }

    #[test]
    fn what_is_not_sure_may_be_there_in_part() {
        let mut disk = Disk::new(Path::new("/state"));
        let trace = format!("7 openat(AT_FDCWD, \"{}\", O_RDWR|O_CREAT, 0600) = 5\n", hex("/state/file"));
        let pages: String = (0..4).map(|page| format!("7 pwrite64(5, \"{}\", 1, {page}) = 1\n", hex("x"))).collect();
        for step in read(&(trace + &pages), Path::new("/marks")) {
            if let Step::Call(call) = step {
                disk.take(&call);
            }
        }
        let mut random = fastrand::Rng::with_seed(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let image = tempfile::tempdir().unwrap();
            disk.image(image.path(), &mut || random.f64());
            seen.insert(fs::read(image.path().join("file")).ok());
        }
        assert!(seen.contains(&None) && seen.contains(&Some(Vec::new())) && seen.contains(&Some(b"xxxx".to_vec())));
        assert!(seen.contains(&Some(b"x\0x".to_vec())), "a later write without the one before it");
    }
}

//! Decides which of the two copies of the remotes is right.
//!
//! | database | remotes.json | the list is taken from |
//! |---|---|---|
//! | complete | anything but a newer, intact file | the database |
//! | complete | intact and newer | the file |
//! | anything else | intact | the file |
//! | anything else | anything else | whatever rows of both can be read |

use super::contents::Contents;
use super::remotes::RemoteList;
use super::remotes_file::{Document, Found};

/// The list that is right.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) list: RemoteList,
    pub(super) generation: i64,
    /// Sentences for the operator.
    pub(super) notices: Vec<String>,
    /// Whether the file could not be used and is to be kept for the operator to look at.
    pub(super) keep_file: bool,
}

/// Chooses as in the table above. `damaged` tells a database that was put aside from one that never was.
pub(super) fn choose(contents: &Contents, damaged: bool, file: &Found) -> Choice {
    match (contents.complete_list(), file) {
        (Some((_, generation)), Found::Intact(document)) if document.generation > generation => {
            let notice = format!(
                "the database was older than remotes.json; {} remote peers were restored from remotes.json",
                document.list().len()
            );
            from_file(contents, document, Some(notice))
        }
        (Some((list, generation)), file) => from_database(list, generation, file),
        (None, Found::Intact(document)) => {
            let count = document.list().len();
            let notice = format!("{count} remote peers were restored from remotes.json, the database having lost them");
            from_file(contents, document, (count > 0).then_some(notice))
        }
        (None, Found::Missing) if contents.is_empty() && !damaged => first_start(),
        (None, file) => from_remains(contents, file),
    }
}

fn from_database(list: RemoteList, generation: i64, file: &Found) -> Choice {
    let why = match file {
        Found::Intact(_) => None,
        // A daemon killed in its first moments has not written it yet.
        Found::Missing if generation == 0 => None,
        Found::Missing => Some("was missing".to_owned()),
        Found::Doubtful(_) => Some("was changed or damaged".to_owned()),
        Found::Unreadable(why) => Some(format!("could not be read ({why})")),
    };
    let notices = why.map(|why| format!("remotes.json {why}; it is written anew from the database"));
    Choice { list, generation, notices: notices.into_iter().collect(), keep_file: false }
}

fn from_file(contents: &Contents, document: &Document, notice: Option<String>) -> Choice {
    let mut list = document.list();
    keep_health(contents, &mut list);
    Choice { list, generation: document.generation, notices: notice.into_iter().collect(), keep_file: false }
}

fn first_start() -> Choice {
    Choice { list: RemoteList::new(), generation: 0, notices: Vec::new(), keep_file: false }
}

fn from_remains(contents: &Contents, file: &Found) -> Choice {
    let (mut list, generation, state) = match file {
        Found::Doubtful(document) => (document.list(), document.generation, "changed or damaged"),
        Found::Unreadable(_) => (RemoteList::new(), 0, "unreadable"),
        Found::Missing | Found::Intact(_) => (RemoteList::new(), 0, "missing"),
    };
    list.extend(contents.readable_list());
    let notice = format!(
        "the list of remote peers may be incomplete: the database has lost it and remotes.json is {state}; {} remote \
         peers could be saved, please check them",
        list.len()
    );
    let generation = generation.max(contents.settings.generation.unwrap_or(0)).saturating_add(1);
    Choice { list, generation, notices: vec![notice], keep_file: !matches!(file, Found::Missing) }
}

/// Takes the health of remotes restored from the file, which has none, from readable rows of the database.
fn keep_health(contents: &Contents, list: &mut RemoteList) {
    for known in &contents.remotes.good {
        if let Some(remote) = list.get_mut(&known.key) {
            let certificate = remote.certificate.take();
            remote.apply(&known.clone().into());
            remote.certificate = certificate;
        }
    }
}

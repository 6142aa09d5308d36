//! `slptool`: what Wok and Kimchi run in place of OpenSLP's program of that name.
//!
//! They read its stdout line by line, a stray word there costs them the whole list, and they wait for its end without any
//! limit. So nothing but lines that were checked goes to stdout, words go to stderr, and it ends within a second with
//! status 0 whatever happens; only a command line that is none of slptool's has status 1.

mod answer;
mod order;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use crate::cli::Connection;
use crate::client::{Client, ClientError, usual_state_directory};
use crate::output::printable;
use crate::service::spool::{Spool, Wish};
use crate::service::{ServiceType, ServiceUrl};

use answer::Answer;
use order::Order;

/// The name under which the program is this command alone.
const NAME: &str = "slptool";
/// How long it takes at most, all in all.
const LIMIT: Duration = Duration::from_millis(950);
/// How long the daemon is waited for.
const DAEMON_LIMIT: Duration = Duration::from_millis(600);
/// Threads that look names up; one that hangs is left behind.
const RESOLVERS_MAX: usize = 16;

/// The arguments, if the program was called as slptool.
pub(crate) fn called_by_its_name() -> Option<Vec<OsString>> {
    let mut words = std::env::args_os();
    let own = words.next()?;
    (Path::new(&own).file_name()? == NAME).then(|| words.collect())
}

/// Does what the arguments ask for.
pub(crate) fn main(arguments: &[OsString], connection: &Connection) -> ExitCode {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some(order) = Order::read(&words) else {
        say(order::USAGE);
        return ExitCode::FAILURE;
    };
    let (sender, receiver) = mpsc::channel();
    let connection = connection.clone();
    // In a thread of its own: a disk or a resolver that hangs is not waited for.
    let started = std::thread::Builder::new().spawn(move || {
        let answer = carry_out(&order, &connection);
        // Nobody waits for it any more where it took too long.
        let _ = sender.send(answer);
    });
    let answer = match started {
        Ok(_) => {
            receiver.recv_timeout(LIMIT).unwrap_or_else(|_| Answer::of_words("it took too long, and was given up"))
        }
        Err(error) => Answer::of_words(&format!("cannot start: {error}")),
    };
    for word in &answer.words {
        say(&format!("slptool: {}", printable(word)));
    }
    let text: String = answer.lines.iter().map(|line| format!("{line}\n")).collect();
    let mut out = std::io::stdout().lock();
    // Who went away before the end wants no answer.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

fn say(text: &str) {
    // Nobody is left to tell where stderr is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn carry_out(order: &Order, connection: &Connection) -> Answer {
    match order {
        Order::FindServices(kind) => kind.map_or_else(Answer::default, |kind| find(kind, connection)),
        Order::FindTypes(authority) => types(authority, connection),
        Order::FindScopes => Answer::of_line("DEFAULT"),
        // Nobody here has any, and an empty answer is what the original prints for that.
        Order::FindAttributes => Answer::default(),
        Order::Property(name) => Answer::of_line(&answer::property(name)),
        Order::Version => Answer { lines: answer::version(), words: Vec::new() },
        Order::Register(url) => change(url, Wish::Register, connection),
        Order::Deregister(url) => change(url, Wish::Deregister, connection),
    }
}

fn find(kind: ServiceType, connection: &Connection) -> Answer {
    let found = ask(connection, async |client: &Client| {
        let (services, peers) = tokio::join!(client.services(), client.peers());
        Ok(answer::Found { services: services?, peers: peers? })
    });
    match found {
        Ok(found) => within_the_runtime(answer::lines(kind, &found)).unwrap_or_default(),
        Err(error) => {
            // The one that asks expects to find itself.
            let own = answer::own_without_a_daemon(kind, &usual_state_directory(connection));
            Answer { lines: own, words: vec![error] }
        }
    }
}

fn types(authority: &str, connection: &Connection) -> Answer {
    // Ours are of the authority that has no name.
    if !matches!(authority, "" | "*" | "-") {
        return Answer::default();
    }
    let mut all = Answer::default();
    for kind in ServiceType::ALL {
        let found = find(kind, connection);
        if !found.lines.is_empty() {
            all.lines.push(kind.as_str().to_owned());
        }
        all.words = found.words;
    }
    all
}

fn change(text: &str, wish: impl Fn(ServiceUrl) -> Wish, connection: &Connection) -> Answer {
    let url: ServiceUrl = match text.parse() {
        Ok(url) => url,
        Err(error) => return Answer::of_words(&format!("{text} is passed over: {error}")),
    };
    let wish = wish(url);
    let asked = ask(connection, async |client: &Client| match &wish {
        Wish::Register(url) => client.register(url.as_str()).await,
        // That it is not there is what was wanted.
        Wish::Deregister(url) => match client.deregister(url.as_str()).await {
            Err(error) if error.status().is_some_and(|status| status.as_u16() == 404) => Ok(()),
            asked => asked,
        },
    });
    let Err(why) = asked else { return Answer::default() };
    match Spool::of(&usual_state_directory(connection)).add(&wish) {
        Ok(()) => Answer::of_words(&format!("{why}; kept for the daemon, which will pick it up")),
        Err(error) => Answer::of_words(&format!("{why}; and it cannot be kept for the daemon: {error}")),
    }
}

/// Asks the daemon, and takes its silence for its absence.
fn ask<T>(connection: &Connection, question: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> Result<T, String> {
    let client = Client::find(connection).map_err(|error| error.to_string())?;
    let asked = within_the_runtime(async { tokio::time::timeout(DAEMON_LIMIT, question(&client)).await });
    match asked {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(_)) => Err("the daemon does not answer in time".to_owned()),
        Err(error) => Err(error),
    }
}

fn within_the_runtime<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS_MAX)
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

//! `export`: the list in the files of other programs.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Connection, ExportCockpitArguments};
use crate::client::{Client, Followed, Follower};
use crate::export::{cockpit, destinations};
use crate::failure::{Failure, NO_DAEMON, Stop, finish};
use crate::output::{Screen, is_there, printable, sorted};
use crate::view::{Origin, PeerView};

/// How long changes that come together may take until they are written at once.
const SETTLING: Duration = Duration::from_millis(200);

/// Writes the file of Cockpit, once or at each change.
pub(crate) async fn cockpit(arguments: &ExportCockpitArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    let mut screen = Screen::of_process();
    if !arguments.watch {
        return finish(write_once(&client, arguments, &mut screen).await);
    }
    // The service manager ends it so.
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::new(format!("cannot listen to signals: {error}")))?;
    tokio::select! {
        stopped = keep_writing(client, arguments, &mut screen) => finish(stopped),
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn keep_writing(client: Client, arguments: &ExportCockpitArguments, screen: &mut Screen) -> Result<(), Stop> {
    // The events first: what happens while the list is read must not fall between the two.
    let mut follower = Follower::connect(client.clone()).await?;
    write_once(&client, arguments, screen).await?;
    loop {
        match follower.next().await {
            Followed::Event(_) | Followed::Resync => {}
            Followed::Lost => {
                screen.say("the daemon is gone; the file stays as it is until it is back");
                continue;
            }
            Followed::Back => screen.say("the daemon is back"),
        }
        settle(&mut follower).await;
        match write_once(&client, arguments, screen).await {
            // It went again; that it is back is told here.
            Err(Stop::Failure(failure)) if failure.status == NO_DAEMON => {}
            written => written?,
        }
    }
}

/// Takes what else happens within a moment, so that many changes are one file.
async fn settle(follower: &mut Follower) {
    let more =
        async { while matches!(follower.next().await, Followed::Event(_) | Followed::Resync | Followed::Back) {} };
    // The end of the moment is what is waited for.
    let _ = tokio::time::timeout(SETTLING, more).await;
}

async fn write_once(client: &Client, arguments: &ExportCockpitArguments, screen: &mut Screen) -> Result<(), Stop> {
    let mut peers: Vec<PeerView> = client.peers().await?;
    peers.retain(|peer| arguments.all || is_there(peer) || peer.origin == Origin::Remote);
    let destinations = destinations(&sorted(peers));
    let text = cockpit::machines(&destinations);
    if write(&arguments.file, &text)? {
        let file = arguments.file.display().to_string();
        screen.say(&format!("{}: {} machines", printable(&file), destinations.len()));
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<bool, Failure> {
    cockpit::write(file, text).map_err(|error| Failure::new(printable(&error.to_string()).into_owned()))
}

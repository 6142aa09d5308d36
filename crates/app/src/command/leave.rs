//! `leave`: this host's daemon announces an absence and ends.

use std::time::{Duration, SystemTime};

use crate::cli::{Connection, LeaveArguments};
use crate::client::Client;
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, printable, until};
use crate::view::LeaveRequest;

/// How long the daemon may take to say goodbye and end.
const END_LIMIT: Duration = Duration::from_secs(3);
/// From one look to the next whether it has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Returns when the daemon has ended, so that the host can be switched off next.
pub(crate) async fn run(arguments: &LeaveArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(leave(&client, arguments, &mut Screen::of_process()).await)
}

async fn leave(client: &Client, arguments: &LeaveArguments, screen: &mut Screen) -> Result<(), Stop> {
    let seconds = u32::try_from(arguments.duration.as_secs()).unwrap_or(u32::MAX);
    let request = LeaveRequest { seconds, reason: arguments.reason.clone() };
    let planned = client.leave(&request).await?;
    let (time, left) = (&planned.until, until(&planned.until, SystemTime::now()));
    screen.say(&printable(&format!("told all peers: back by {time} (in {left}), {}", planned.reason)));
    let ended = async {
        while !client.is_gone().await {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    if tokio::time::timeout(END_LIMIT, ended).await.is_err() {
        return Err(Failure::new("the daemon announced the absence, but still runs, or was started again").into());
    }
    screen.say("the daemon has ended; start it again to end the absence");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::Api;
    use crate::output::Surface;
    use crate::view::PlannedView;

    #[tokio::test(flavor = "current_thread")]
    async fn a_daemon_that_stays_is_told() {
        let view =
            PlannedView { until: "2026-11-23T10:00:00.000Z".to_owned(), reason: "firmware".to_owned(), overdue: false };
        let api = Api::start(vec![
            ("POST /v1/leave", 202, serde_json::to_string(&view).unwrap()),
            ("GET /healthz", 200, "{}".to_owned()),
        ])
        .await;
        let (mut screen, _, words) = Screen::in_memory(Surface::default());
        let arguments = LeaveArguments { duration: Duration::from_secs(7200), reason: Some("firmware".to_owned()) };
        let failure = finish(leave(&api.client(), &arguments, &mut screen).await).unwrap_err();
        assert!(failure.message.contains("still runs"), "{}", failure.message);
        assert!(words.text().starts_with("told all peers: back by 2026-11-23T10:00:00.000Z (in "), "{}", words.text());
        assert!(api.requests()[0].ends_with(r#"{"seconds":7200,"reason":"firmware"}"#), "{}", api.requests()[0]);
    }
}

//! `doctor`: why somebody is not seen, and what mends it.

use hyper::StatusCode;

use crate::cli::{Connection, DoctorArguments, RunArguments, TextOrJson};
use crate::client::{Client, ClientError, resolve_either};
use crate::doctor::{Finding, Report, Verdict, examine, gather};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, Surface, Tone, pretty, printable};
use crate::settings::Settings;

/// Columns for the verdicts.
const VERDICT_WIDTH: usize = 8;

/// Prints what was found. A problem is a failure of its own, told by the exit status alone.
pub(crate) async fn run(arguments: &DoctorArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    let mut screen = Screen::of_process();
    let report = match client.doctor(arguments.peer.as_deref()).await {
        Err(error @ ClientError::Unreachable(_)) if client.is_for_this_host() => {
            without_daemon(arguments, connection).await.ok_or(error)?
        }
        Err(error) => return Err(explain(&client, arguments.peer.as_deref(), error).await.into()),
        Ok(report) => report,
    };
    finish(show(&report, arguments, &mut screen))?;
    if report.verdict == Verdict::Problem { Err(problem(&report)) } else { Ok(()) }
}

/// What can be told of this host where no daemon runs; nothing where the settings cannot be read.
async fn without_daemon(arguments: &DoctorArguments, connection: &Connection) -> Option<Report> {
    let settings = Settings::load(&RunArguments::default(), connection).ok()?.settings;
    let mut facts = gather::without_daemon(&settings).await;
    facts.subject = arguments.peer.as_ref().map(|given| gather::unasked(given));
    Some(examine(&facts))
}

/// Why the daemon did not answer. That several peers fit is told as the other commands tell it, with all of them.
async fn explain(client: &Client, peer: Option<&str>, error: ClientError) -> ClientError {
    let (Some(StatusCode::CONFLICT), Some(given)) = (error.status(), peer) else { return error };
    let Ok(peers) = client.peers().await else { return error };
    match resolve_either(&peers, given) {
        Err(several @ ClientError::Ambiguous { .. }) => several,
        Ok(_) | Err(_) => error,
    }
}

fn problem(report: &Report) -> Failure {
    let problems = report.findings.iter().filter(|finding| finding.verdict == Verdict::Problem).count();
    let what = if problems == 1 { "1 problem was found".to_owned() } else { format!("{problems} problems were found") };
    Failure::new(what)
}

fn show(report: &Report, arguments: &DoctorArguments, screen: &mut Screen) -> Result<(), Stop> {
    let text = match arguments.output.format() {
        TextOrJson::Json => pretty(report, screen.surface.is_terminal)?,
        TextOrJson::Text => page(report, screen.surface),
    };
    screen.data(&text)
}

fn page(report: &Report, surface: Surface) -> String {
    let about = report.peer.as_ref().map(|peer| format!(" about {peer}")).unwrap_or_default();
    let (words, tone) = match report.verdict {
        Verdict::Ok => ("no problem found", Tone::Good),
        Verdict::Warning => ("no problem found, but something to look at", Tone::Doubt),
        Verdict::Problem => ("not all is well", Tone::Bad),
        Verdict::Unknown => ("nothing can be told yet", Tone::Doubt),
    };
    let heading = format!("{}{about}: {words}", report.host);
    let mut text = format!("{}\n", tone.paint(&printable(&heading), surface.colour));
    report.findings.iter().for_each(|finding| line(&mut text, finding, surface));
    text
}

/// Verdict, check, what it is about, the evidence; below it what mends it.
fn line(text: &mut String, finding: &Finding, surface: Surface) {
    let (word, tone) = match finding.verdict {
        Verdict::Ok => ("ok", Tone::Good),
        Verdict::Warning => ("warning", Tone::Doubt),
        Verdict::Problem => ("PROBLEM", Tone::Bad),
        Verdict::Unknown => ("?", Tone::Faint),
    };
    let padding = " ".repeat(VERDICT_WIDTH - word.len());
    let subject = finding.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
    let rest = format!("{}{subject}: {}", finding.check, finding.evidence);
    text.push_str(&format!("  {}{padding} {}\n", tone.paint(word, surface.colour), printable(&rest)));
    for command in &finding.mend {
        text.push_str(&format!("  {} → {}\n", " ".repeat(VERDICT_WIDTH), printable(command)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer};
    use crate::view::{ErrorView, PeerView};

    fn report() -> Report {
        let firewall = Finding::problem("firewall", "nothing comes in").about("eth0").mend("ufw allow 8000/udp");
        let findings = vec![
            Finding::ok("daemon", "it runs"),
            firewall,
            Finding::unknown("hearing", "too early"),
            Finding::warning("one-way", "kvm-2\u{1b}[2J"),
        ];
        Report { host: "kvm-1".to_owned(), daemon: true, peer: None, verdict: Verdict::Problem, findings }
    }

    #[test]
    fn each_finding_is_a_line_and_what_mends_it_stands_below() {
        let expected = "\
kvm-1: not all is well
  ok       daemon: it runs
  PROBLEM  firewall eth0: nothing comes in
           → ufw allow 8000/udp
  ?        hearing: too early
  warning  one-way: kvm-2\\u{1b}[2J
";
        assert_eq!(page(&report(), Surface::default()), expected);
        let coloured = page(&report(), Surface { colour: true, ..Surface::default() });
        assert!(coloured.contains("\u{1b}[31mPROBLEM\u{1b}[0m  firewall"), "{coloured}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_question_about_a_peer_goes_to_the_daemon_as_it_was_typed() {
        let asked = Report { peer: Some("kvm 2/ü".to_owned()), ..report() };
        let path = "GET /v1/doctor?peer=kvm%202%2F%C3%BC";
        let api = Api::start(vec![(path, 200, serde_json::to_string(&asked).unwrap())]).await;
        assert_eq!(api.client().doctor(Some("kvm 2/ü")).await.unwrap(), asked);
        assert_eq!(problem(&asked).message, "1 problem was found");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn several_that_fit_are_told_with_a_hint() {
        let reason = "twin fits several peers".to_owned();
        let refusal = serde_json::to_string(&ErrorView { code: "KPPEER0411".to_owned(), reason }).unwrap();
        let mut peers = vec![peer("twin", "10.0.0.10"), peer("twin", "10.0.0.2")];
        let asked = async |peers: &[PeerView]| {
            let list = serde_json::to_string(peers).unwrap();
            let answers = vec![("GET /v1/doctor?peer=twin", 409, refusal.clone()), ("GET /v1/peers", 200, list)];
            let api = Api::start(answers).await;
            let client = api.client();
            let error = client.doctor(Some("twin")).await.unwrap_err();
            Failure::from(explain(&client, Some("twin"), error).await)
        };
        let several = asked(&peers).await;
        let lines = "\n  twin  10.0.0.2   twin@10.0.0.2\n  twin  10.0.0.10  twin@10.0.0.10";
        assert_eq!(several.message, format!("twin fits several peers:{lines}"));
        assert_eq!(several.hint.as_deref(), Some("give its address or id"));
        // One of them went meanwhile.
        peers.pop();
        assert_eq!(asked(&peers).await.message, "twin fits several peers");
    }
}

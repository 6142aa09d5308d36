//! `list`: who is there.

use std::time::SystemTime;

use crate::cli::{Connection, ListArguments, Output};
use crate::client::Client;
use crate::command::tell_if_degraded;
use crate::export::{ansible, destinations};
use crate::failure::{Failure, Stop, USAGE, finish};
use crate::output::{Screen, is_there, peers, pretty, sorted};
use crate::view::{Origin, PeerView};

/// Prints the peers.
pub(crate) async fn run(arguments: &ListArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(list(&client, arguments, &mut Screen::of_process()).await)
}

async fn list(client: &Client, arguments: &ListArguments, screen: &mut Screen) -> Result<(), Stop> {
    if arguments.host.is_some() && arguments.output.format() != Output::Ansible {
        return Err(only_for_ansible().into());
    }
    let all = client.peers().await?;
    let known = all.len();
    let (chosen, left_out): (Vec<_>, Vec<_>) = all.into_iter().partition(|peer| is_wanted(peer, arguments));
    let chosen = sorted(chosen);
    let format = arguments.output.format();
    let for_people = matches!(format, Output::Table | Output::Wide);
    if let Some(host) = &arguments.host {
        let variables = ansible::host(&destinations(&chosen), host);
        screen.data(&pretty(&variables, screen.surface.is_terminal)?)?;
    } else if chosen.is_empty() && for_people {
        screen.say(none_of(known));
    } else {
        screen.data(&peers(&chosen, format, screen.surface, SystemTime::now())?)?;
    }
    if for_people {
        if !chosen.is_empty() && !left_out.is_empty() {
            screen.say(&not_shown(&left_out));
        }
        tell_if_degraded(client, screen).await;
    }
    Ok(())
}

/// A host that was added by hand shows in whatever state, so that nobody wonders where it is; a program that wants
/// somebody to talk to gets only who is there.
fn is_wanted(peer: &PeerView, arguments: &ListArguments) -> bool {
    let for_programs = arguments.output.format().is_of_hosts_to_talk_to();
    arguments.all || is_there(peer) || (peer.origin == Origin::Remote && !for_programs)
}

fn only_for_ansible() -> Failure {
    let message = "--host is a question of Ansible's: it goes with -o ansible".to_owned();
    Failure { status: USAGE, message, hint: Some("one peer is shown by: kimchi-peers show PEER".to_owned()) }
}

/// Who is down may come back at any time, or be what was looked for.
fn not_shown(peers: &[PeerView]) -> String {
    let is_planned = |peer: &&PeerView| peer.planned.as_ref().is_some_and(|planned| !planned.overdue);
    match (peers.len(), peers.iter().filter(is_planned).count()) {
        (1, 0) => "1 more is down; --all lists it".to_owned(),
        (1, _) => "1 more is away as announced; --all lists it".to_owned(),
        (down, 0) => format!("{down} more are down; --all lists them"),
        (down, planned) if down == planned => format!("{down} more are away as announced; --all lists them"),
        (down, planned) => format!("{down} more are down, {planned} of them away as announced; --all lists them"),
    }
}

const fn none_of(known: usize) -> &'static str {
    if known == 0 {
        "no peers yet; ask the network again with `kimchi-peers search`, find out why with `kimchi-peers doctor`, or add one \
         with `kimchi-peers add HOST`"
    } else {
        "no peers are there now; see those that are down with `kimchi-peers list --all`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer, remote};
    use crate::command::status;
    use crate::output::{Surface, Written};
    use crate::view::{PeerState, PlannedView, StatusView};

    fn several() -> Vec<PeerView> {
        let mut down = peer("kvm-2", "10.0.0.2");
        down.state = PeerState::Down;
        down.reason = Some("left".to_owned());
        let mut lab = remote("lab.example.org");
        lab.state = PeerState::Down;
        vec![peer("kvm-10", "10.0.0.10"), lab, down, peer("kvm-3", "10.0.0.3")]
    }

    async fn listed(all: bool, output: Output, peers: Vec<PeerView>) -> (String, String) {
        let api = Api::start(vec![("GET /v1/peers", 200, serde_json::to_string(&peers).unwrap())]).await;
        let (mut screen, data, words): (Screen, Written, Written) = Screen::in_memory(Surface::default());
        list(&api.client(), &ListArguments { all, host: None, output: output.into() }, &mut screen).await.unwrap();
        (data.text(), words.text())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_is_down_shows_where_it_helps() {
        let names = |text: &str| {
            text.lines().skip(1).map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let table = listed(false, Output::Table, several()).await.0;
        assert_eq!(names(&table), ["kvm-3", "kvm-10", "lab.example.org"]);
        let table = listed(true, Output::Table, several()).await.0;
        assert_eq!(names(&table), ["kvm-2", "kvm-3", "kvm-10", "lab.example.org"]);
        assert_eq!(listed(false, Output::Names, several()).await.0, "kvm-3\nkvm-10\n");
        assert_eq!(listed(true, Output::Urls, several()).await.0.lines().count(), 4);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_empty_list_is_words_for_people_and_data_for_programs() {
        let (data, words) = listed(false, Output::Table, vec![]).await;
        assert!(data.is_empty() && words.starts_with("no peers yet; "), "{words}");
        assert!(listed(false, Output::Wide, several()[2..3].to_vec()).await.1.contains("--all"));
        assert_eq!(listed(false, Output::Json, vec![]).await, ("[]\n".to_owned(), String::new()));
        assert_eq!(listed(false, Output::Names, vec![]).await, (String::new(), String::new()));
        assert!(listed(false, Output::Csv, vec![]).await.0.starts_with("id,name,"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn people_are_told_of_rows_that_are_left_out() {
        let told = "1 more is down; --all lists it\n";
        for (all, output, words) in [
            (false, Output::Table, told),
            (false, Output::Wide, told),
            (true, Output::Table, ""),
            (false, Output::Json, ""),
            (false, Output::Names, ""),
        ] {
            assert_eq!(listed(all, output, several()).await.1, words, "{all} {output:?}");
        }
        let planned = |overdue: bool| {
            let until = "2026-11-23T12:00:00.000Z".to_owned();
            let planned = Some(PlannedView { until, reason: "firmware".to_owned(), overdue });
            PeerView { planned, ..several().remove(2) }
        };
        let down = several().remove(2);
        for (left_out, words) in [
            (vec![planned(false)], "1 more is away as announced; --all lists it"),
            (vec![planned(true)], "1 more is down; --all lists it"),
            (vec![planned(false), planned(false)], "2 more are away as announced; --all lists them"),
            (vec![planned(true), down.clone()], "2 more are down; --all lists them"),
            (vec![planned(false), down], "2 more are down, 1 of them away as announced; --all lists them"),
        ] {
            assert_eq!(not_shown(&left_out), words);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn ansible_may_ask_for_one_host() {
        let api = Api::start(vec![("GET /v1/peers", 200, serde_json::to_string(&several()).unwrap())]).await;
        let asked = async |host: &str, output: Output| {
            let (mut screen, data, _) = Screen::in_memory(Surface::default());
            let arguments = ListArguments { all: false, host: Some(host.to_owned()), output: output.into() };
            list(&api.client(), &arguments, &mut screen).await.map(|()| data.text())
        };
        assert!(asked("kvm-10", Output::Ansible).await.unwrap().contains("\"ansible_host\": \"10.0.0.10\""));
        assert_eq!(asked("kvm-2", Output::Ansible).await.unwrap(), "{}\n");
        assert!(matches!(asked("kvm-10", Output::Json).await, Err(Stop::Failure(failure)) if failure.status == USAGE));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn other_tools_get_whom_they_can_talk_to() {
        assert_eq!(listed(false, Output::Hosts, several()).await.0, "10.0.0.3 kvm-3\n10.0.0.10 kvm-10\n");
        assert_eq!(listed(true, Output::Libvirt, several()).await.0.lines().count(), 4);
        assert_eq!(listed(false, Output::Prometheus, vec![]).await, ("[]\n".to_owned(), String::new()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn people_are_told_that_not_all_is_well() {
        let status = |degraded: &[&str]| {
            let sentences = degraded.iter().map(|sentence| (*sentence).to_owned()).collect();
            serde_json::to_string(&StatusView { degraded: sentences, ..status::tests::sample() }).unwrap()
        };
        for (degraded, format, told) in [
            (&["the disk is full"][..], Output::Table, true),
            (&["the disk is full"], Output::Wide, true),
            (&["the disk is full"], Output::Json, false),
            (&["the disk is full"], Output::Names, false),
            (&[], Output::Table, false),
        ] {
            for list_of in [several(), vec![]] {
                let answers = vec![
                    ("GET /v1/peers", 200, serde_json::to_string(&list_of).unwrap()),
                    ("GET /v1/status", 200, status(degraded)),
                ];
                let api = Api::start(answers).await;
                let (mut screen, _, words) = Screen::in_memory(Surface::default());
                let arguments = ListArguments { all: false, host: None, output: format.into() };
                list(&api.client(), &arguments, &mut screen).await.unwrap();
                let ends = words.text().ends_with("not all is well; see: kimchi-peers status\n");
                assert_eq!(ends, told, "{format:?}: {}", words.text());
            }
        }
    }
}

//! A link that works one way: what one host sends does not arrive at another one.

use super::daemon::{Daemon, wait_all_listed};
use super::inside;
use super::lan::Lan;
use super::wait::{seconds, until};

/// The reach of a peer, by name.
fn reach(daemon: &Daemon<'_>, name: &str) -> String {
    let rows = daemon.rows(name);
    let [row] = rows.as_slice() else { return format!("{} rows", rows.len()) };
    row.reach.clone().unwrap_or_default()
}

fn causes(daemon: &Daemon<'_>, mark: usize, name: &str) -> Vec<String> {
    let events = daemon.events_since(mark).into_iter();
    let about = events.filter(|event| event.peer.as_ref().is_some_and(|row| row.name == name));
    about.filter_map(|event| event.cause).collect()
}

#[test]
fn both_ends_tell_which_way_does_not_work_and_nobody_is_taken_for_dead() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let [unheard, deaf, third] = &daemons[..] else { panic!("three daemons") };
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        assert_eq!([reach(unheard, deaf.name()), reach(deaf, unheard.name())], ["both", "both"]);
        hosts[1].ignore(&lan.address(1));
        until(seconds(60), "each end knows what is wrong", || {
            reach(unheard, deaf.name()) == "hears_us_not" && reach(deaf, unheard.name()) == "not_heard"
        });
        assert_eq!([reach(third, deaf.name()), reach(third, unheard.name())], ["both", "both"]);
        assert!(unheard.say(&["show", deaf.name()]).contains("it seems not to hear this host"));
        assert!(deaf.say(&["show", unheard.name()]).contains("others hear it, this host does not"));
        assert!(unheard.say(&["list"]).contains("up, one way"));
        assert!(causes(unheard, marks[0], deaf.name()).contains(&"hears_us_not".to_owned()));
        assert!(causes(deaf, marks[1], unheard.name()).contains(&"not_heard".to_owned()));
        hosts[1].ignore_nobody();
        until(seconds(60), "both ways work again", || {
            reach(unheard, deaf.name()) == "both" && reach(deaf, unheard.name()) == "both"
        });
        for (daemon, name, mark) in [(unheard, deaf.name(), marks[0]), (deaf, unheard.name(), marks[1])] {
            until(seconds(5), "the event", || causes(daemon, mark, name).contains(&"answers_again".to_owned()));
        }
        for (daemon, mark) in daemons.iter().zip(marks) {
            let downs: Vec<_> = daemon.events_since(mark).into_iter().filter(|event| event.name == "down").collect();
            assert!(downs.is_empty(), "on {}: {downs:?}", daemon.name());
        }
    });
}

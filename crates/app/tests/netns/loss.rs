//! A link that loses a fifth of all datagrams at every host.

use super::daemon::{Daemon, wait_all_listed};
use super::inside;
use super::lan::Lan;
use super::wait::seconds;

#[test]
fn five_daemons_list_each_other_at_twenty_percent_loss() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts: Vec<_> = (1..=5).map(|number| lan.host(number)).collect();
        hosts.iter().for_each(|host| host.lose(20));
        let daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(30), &daemons);
    });
}

#[test]
fn nobody_is_declared_dead_because_of_twenty_percent_loss() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts: Vec<_> = (1..=4).map(|number| lan.host(number)).collect();
        hosts.iter().for_each(|host| host.lose(20));
        let daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(30), &daemons);
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        std::thread::sleep(seconds(30));
        for (daemon, mark) in daemons.iter().zip(marks) {
            let downs: Vec<_> = daemon.events_since(mark).into_iter().filter(|event| event.name == "down").collect();
            assert!(downs.is_empty(), "on {}: {downs:?}", daemon.name());
            let loss = daemon.link()["loss"].as_f64();
            assert!(loss.is_some_and(|loss| (0.01..0.7).contains(&loss)), "on {}: {loss:?}", daemon.name());
        }
    });
}

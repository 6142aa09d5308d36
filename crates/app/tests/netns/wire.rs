//! What the daemons put on the link, as the switch sees it.

use std::collections::BTreeSet;

use super::base_peer::BasePeer;
use super::capture::Frame;
use super::daemon::{Daemon, wait_all_listed};
use super::inside;
use super::lan::Lan;
use super::wait::{seconds, until};

#[test]
fn all_that_is_sent_is_canonical_small_whole_and_stays_on_the_link() {
    inside(|| {
        let lan = Lan::new(1);
        let capture = lan.capture();
        let hosts: Vec<_> = (1..=4).map(|number| lan.host(number)).collect();
        let mut base = BasePeer::start(&hosts[3], &lan.address(4), "base-host");
        let mut daemons: Vec<Daemon<'_>> = Vec::new();
        for host in &hosts[..3] {
            daemons.push(Daemon::start(host));
            std::thread::sleep(seconds(1));
        }
        wait_all_listed(seconds(10), &daemons);
        for _ in 0..4 {
            base.search();
            daemons[0].say(&["search"]);
            std::thread::sleep(seconds(2));
        }
        daemons[2].kill();
        daemons[1].terminate();
        base.quit();
        std::thread::sleep(seconds(8));
        daemons[0].terminate();
        let ours = |frame: &Frame| frame.source.to_string() != lan.address(4);
        until(seconds(5), "the goodbyes of both", || {
            let frames = capture.frames();
            let quits = frames.iter().filter(|frame| frame.message().is_ok_and(|message| message.kind == "quit"));
            quits.filter(|frame| ours(frame)).map(|frame| frame.source).collect::<BTreeSet<_>>().len() == 2
        });
        let frames: Vec<Frame> = capture.frames().into_iter().filter(ours).collect();
        println!("{} frames of the daemons", frames.len());
        capture.assert_faultless(&frames);
        let kinds: BTreeSet<String> = frames.iter().filter_map(|frame| Some(frame.message().ok()?.kind)).collect();
        assert_eq!(kinds, ["notify", "quit", "search"].map(str::to_owned).into());
        assert!(base.junk().is_empty(), "{:?}", base.junk());
    });
}

#[test]
fn a2_a_storm_of_searches_does_not_make_a_storm_of_answers() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let daemons: Vec<Daemon<'_>> = hosts[..2].iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let storm = [super::frame::message("search", "stormy", &lan.address(3))];
        let capture = lan.capture();
        super::sender::Sender::new(&hosts[2], "eth0").repeat(5000, 0.001).send(&storm);
        for host in 1..=2 {
            let sent = capture.from(&lan.address(host));
            let [first, last] = [sent.first(), sent.last()].map(|frame| frame.expect("some frames").at);
            let rate = f64::from(u32::try_from(sent.len()).expect("few")) / (last - first).as_secs_f64().max(1.0);
            // One answer a second and what hosts say anyway; a storm would be hundreds.
            assert!(rate < 30.0, "{} frames, {rate:.0} a second, from host {host}", sent.len());
        }
    });
}

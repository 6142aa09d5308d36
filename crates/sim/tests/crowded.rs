//! Far more hosts than their processors can carry: they are late, and do not make it worse.

use kimchi_peers_sim::{Settings, scenario, seed};

/// Each of them answered what another had answered long ago: 12 multicast packets a host at 100 hosts, 51 at 200.
#[test]
fn who_is_late_reads_what_others_said_before_it_speaks() {
    for (hosts, most) in [(100, 4.0), (200, 5.0)] {
        let crowded = scenario("crowded-start").unwrap_or_else(|| panic!("no scenario"));
        let (outcome, _) = crowded.run(&Settings { hosts, seed: *seed(1), ..Settings::default() });
        let report = outcome.unwrap_or_else(|broken| panic!("{broken}"));
        let row = |label: &str| {
            let row = report.rows.iter().find(|(name, _)| name == label);
            let number = row.and_then(|(_, value)| value.split(' ').next()?.parse::<f64>().ok());
            number.unwrap_or_else(|| panic!("no number: {label}"))
        };
        let multicasts = row("until then: packets a host");
        assert!(multicasts <= most, "{multicasts:.1} multicast packets a host of {hosts}");
        assert!(row("false downs") < 1.0);
    }
}

//! Debian's Prometheus on a host of the network finds its targets by the daemon, and follows a join and a death.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::daemon::{Daemon, wait_all_listed};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::process::Running;
use super::tools::program_of;
use super::wait::{seconds, until_equal};

/// Answers every request with one metric.
const EXPORTER: &str = r#"
import http.server, sys
class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"the_answer 42\n")
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], 9100), Exporter).serve_forever()
"#;

const CONFIGURATION: &str = "\
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: kimchi
    http_sd_configs:
      - {url: 'http://127.0.0.1:8132/sd/prometheus?port=9100', refresh_interval: 1s}
    relabel_configs:
      - {source_labels: [__meta_kimchi_name], target_label: instance}
";

/// Starts Prometheus on the loopback of the host.
fn start(program: &Path, host: &Host) -> Running {
    let directory = host.directory();
    std::fs::write(format!("{directory}/prometheus.yml"), CONFIGURATION).unwrap();
    host.spawn(&[
        program.to_str().unwrap(),
        &format!("--config.file={directory}/prometheus.yml"),
        &format!("--storage.tsdb.path={directory}/prometheus"),
        "--web.listen-address=127.0.0.1:9090",
    ])
}

/// The targets by the names of their peers, with the health that Prometheus sees.
fn health(host: &Host) -> BTreeMap<String, String> {
    let script = "import sys, urllib.request\n\
                  try: print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())\n\
                  except OSError: print('{}')";
    let url = "http://127.0.0.1:9090/api/v1/targets?state=active";
    let output = host.run(&["python3", "-c", script, url]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    targets.iter().map(|target| (text(&target["labels"]["instance"]), text(&target["health"]))).collect()
}

fn all_up(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), "up".to_owned())).collect()
}

#[test]
fn prometheus_follows_a_join_and_a_death() {
    let Some(program) = program_of("prometheus", "prometheus") else { return };
    inside(move || {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let exporter =
            |number: u8| hosts[usize::from(number) - 1].spawn_script("exporter", EXPORTER, &[&lan.address(number)]);
        let _exporters = [exporter(2), exporter(3)];
        let mut daemons = vec![Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(20), &daemons);
        let _prometheus = start(&program, &hosts[0]);
        until_equal(seconds(40), "the peer is scraped", &all_up(&["host-1-2"]), || health(&hosts[0]));
        daemons.push(Daemon::start(&hosts[2]));
        until_equal(seconds(20), "the newcomer too", &all_up(&["host-1-2", "host-1-3"]), || health(&hosts[0]));
        daemons[1].kill();
        until_equal(seconds(20), "the dead is no target", &all_up(&["host-1-3"]), || health(&hosts[0]));
    });
}

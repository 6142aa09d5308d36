//! Avahi on another host sees the console, follows its port, and hears its goodbye; guests hear nothing.

use super::capture::Capture;
use super::daemon::Daemon;
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::namespace::Namespace;
use super::process::Running;
use super::tools::program_of;
use super::wait::{seconds, until};

/// A bus of one's own, on which everything is allowed: Avahi's programs speak to each other over one.
const BUS: &str = "\
<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
<busconfig><type>session</type><listen>unix:path=/run/hosts/bus</listen><auth>EXTERNAL</auth>
<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>
<allow receive_sender=\"*\"/><allow send_type=\"method_call\"/></policy></busconfig>
";

const AVAHI: &str = "\
[server]
use-ipv4=yes
use-ipv6=no
[publish]
publish-workstation=no
[wide-area]
enable-wide-area=no
";

/// Avahi on a host of the network, as a person there has it.
struct Browser<'a> {
    host: &'a Host,
    browse: String,
    _running: [Running; 2],
}

impl<'a> Browser<'a> {
    fn start(host: &'a Host, programs: &[String; 3]) -> Self {
        let [bus, avahi, browse] = programs;
        std::fs::write("/run/hosts/bus.conf", BUS).unwrap();
        std::fs::write("/run/hosts/avahi.conf", AVAHI).unwrap();
        let bus = host.spawn(&[bus, "--config-file=/run/hosts/bus.conf", "--nofork", "--nopidfile"]);
        until(seconds(10), "the bus", || std::path::Path::new("/run/hosts/bus").exists());
        let on_the_bus = ["env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/hosts/bus"];
        let options = ["-f", "/run/hosts/avahi.conf", "--no-drop-root", "--no-chroot", "--no-rlimits"];
        let avahi = host.spawn(&[&on_the_bus[..], &[avahi], &options].concat());
        Self { host, browse: browse.clone(), _running: [bus, avahi] }
    }

    /// What it resolves: lines that begin with `=`, by semicolons instance, type, domain, host, address, port and texts.
    fn resolved(&self) -> Vec<String> {
        let script = "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/hosts/bus timeout 3 \"$1\" -rpt _https._tcp";
        let output = self.host.run(&["sh", "-c", script, "sh", &self.browse]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter(|line| line.starts_with('=')).map(str::to_owned).collect()
    }
}

#[test]
fn avahi_sees_the_console_and_guests_hear_nothing() {
    let mut programs = Vec::new();
    for (name, package) in [("dbus-daemon", "dbus"), ("avahi-daemon", "avahi-daemon"), ("avahi-browse", "avahi-utils")]
    {
        let Some(program) = program_of(name, package) else { return };
        programs.push(program.to_str().unwrap().to_owned());
    }
    let programs: [String; 3] = programs.try_into().unwrap();
    inside(move || {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let guest = Namespace::new("guest");
        hosts[0].add_guest_interface(&guest, "vnet0", "10.109.0.1");
        let heard_by_guest = Capture::start_at(&guest, "vnet0", 5353);
        let browser = Browser::start(&hosts[1], &programs);
        let file = format!("{}/kimchi-peers.toml", hosts[0].directory());
        let write = |port: u16| {
            std::fs::write(&file, format!("dns_sd = \"on\"\nhttps_port = {port}\nserver_root = \"/wok\"\n"))
        };
        write(8001).unwrap();
        let mut daemon = Daemon::start_with(&hosts[0], &["--config", &file]);
        let sees = |port: u16| {
            let lines = browser.resolved();
            let (address, port) = (lan.address(1), port.to_string());
            lines.iter().any(|line| {
                let fields: Vec<&str> = line.split(';').collect();
                fields.len() > 9
                    && fields[3] == "Kimchi\\032on\\032host-1-1"
                    && fields[6] == "host-1-1-kimchi.local"
                    && (fields[7], fields[8]) == (address.as_str(), port.as_str())
                    && fields[9].contains("\"product=Kimchi\"")
                    && fields[9].contains("\"path=/wok\"")
            })
        };
        until(seconds(30), "Avahi resolves the console", || sees(8001));
        write(9001).unwrap();
        daemon.signal("HUP");
        until(seconds(30), "its new port", || sees(9001));
        daemon.terminate();
        until(seconds(20), "its goodbye", || browser.resolved().is_empty());
        let frames = heard_by_guest.frames();
        assert!(frames.iter().all(|frame| frame.outgoing), "guests heard {frames:?}");
    });
}

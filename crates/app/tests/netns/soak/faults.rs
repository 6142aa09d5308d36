//! The faults that a soak plants: how each begins, and how it ends.

use super::super::frame::message;
use super::super::host::Host;
use super::super::lan::Lan;
use super::super::sender::Sender;
use super::member::Member;

/// What happens to one host of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// `kill -9`, and a start.
    Killed,
    /// It leaves with a word, and starts again.
    Left,
    /// SIGSTOP and SIGCONT.
    Stopped,
    /// A storm of SIGHUP while the configuration file changes.
    Reloaded,
    /// SIGHUP while the configuration file is none.
    Misconfigured,
    /// Its interface is set down, and up.
    LinkDown,
    /// Its cable is pulled, and put back.
    CableCut,
    /// Its interface is gone, and there again.
    Unplugged,
    /// A fifth of what comes in is lost.
    FifthLost,
    /// Half of it.
    HalfLost,
    /// One other host is not heard.
    OneWay,
    /// It gets another address.
    Renumbered,
    /// Its disk is full, and then it is not.
    DiskFull,
    /// A second of invented peers, a thousand, to all.
    Flood,
    /// A peer of another network is added, and removed.
    Remote,
}

/// All of them. Those that end a process come first, so that they meet the hosts that may die.
pub(super) const ALL: [Fault; 15] = [
    Fault::Killed,
    Fault::Left,
    Fault::Stopped,
    Fault::Reloaded,
    Fault::Misconfigured,
    Fault::LinkDown,
    Fault::CableCut,
    Fault::Unplugged,
    Fault::FifthLost,
    Fault::HalfLost,
    Fault::OneWay,
    Fault::Renumbered,
    Fault::DiskFull,
    Fault::Flood,
    Fault::Remote,
];

impl Fault {
    /// Whether the process ends with it. Growth is looked for in those that live through all.
    pub(super) const fn ends_the_process(self) -> bool {
        matches!(self, Self::Killed | Self::Left)
    }

    /// What an ERROR line may say because of it.
    pub(super) fn error_line(self) -> Option<&'static str> {
        (self == Self::Misconfigured).then_some("the configuration stays as it was")
    }

    /// Plants it. `other` is the present address of another host, `stranger` a host without a daemon.
    pub(super) fn begin(self, member: &mut Member<'_>, lan: &Lan, other: &str, stranger: &Host) {
        let host = member.host();
        match self {
            Self::Killed => member.kill(),
            Self::Left => member.leave(),
            Self::Stopped => member.daemon().signal("STOP"),
            Self::Reloaded => {
                for round in 0..50 {
                    member.configure(if round % 2 == 0 { "log = \"debug\"\n" } else { "log = \"info\"\n" });
                    member.daemon().signal("HUP");
                }
            }
            Self::Misconfigured => {
                member.configure("log = \"loud\"\n");
                member.daemon().signal("HUP");
            }
            Self::LinkDown => host.set_link("eth0", false),
            Self::CableCut => lan.set_cable(host, "eth0", false),
            Self::Unplugged => host.unplug("eth0"),
            Self::FifthLost => host.lose(20),
            Self::HalfLost => host.lose(50),
            Self::OneWay => host.ignore(other),
            Self::Renumbered => member.renumber(lan),
            Self::DiskFull => member.fill_disk(),
            Self::Flood => flood(stranger, &lan.address(STRANGER)),
            Self::Remote => drop(member.daemon().say(&["add", "192.0.2.77:8001", "--name", "elsewhere"])),
        }
    }

    /// Ends it.
    pub(super) fn end(self, member: &mut Member<'_>, lan: &Lan) {
        let host = member.host();
        match self {
            Self::Killed | Self::Left => member.start(),
            Self::Stopped => member.daemon().signal("CONT"),
            Self::Misconfigured => {
                member.configure("");
                member.daemon().signal("HUP");
            }
            Self::LinkDown => host.set_link("eth0", true),
            Self::CableCut => lan.set_cable(host, "eth0", true),
            Self::Unplugged => host.plug("eth0", lan, member.number()),
            Self::FifthLost | Self::HalfLost => host.lose_nothing(),
            Self::OneWay => host.ignore_nobody(),
            Self::DiskFull => member.free_disk(),
            Self::Remote => drop(member.daemon().say(&["remove", "elsewhere"])),
            Self::Reloaded | Self::Renumbered | Self::Flood => {}
        }
    }
}

/// The number of the host without a daemon.
pub(super) const STRANGER: u8 = 66;

fn flood(stranger: &Host, address: &str) {
    let invented: Vec<_> = (0..1_000).map(|number| message("notify", &format!("invented-{number}"), address)).collect();
    Sender::new(stranger, "eth0").repeat(1, 0.001).send(&invented);
}

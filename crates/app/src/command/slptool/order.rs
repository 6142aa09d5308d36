//! The command line of slptool: options first, then a command with its parameters; words in whatever case.

use crate::service::ServiceType;

/// What is said where the command line is none.
pub(super) const USAGE: &str = "\
usage: slptool [options] command
options: -v (--version), and with a value each -s (--scopes), -l (--language), -t (--time), -i (--interfaces), -u (--unicastifc)
commands: findsrvs TYPE [FILTER], findattrs URL [IDS], findsrvtypes [AUTHORITY], findscopes, register URL [ATTRIBUTES],
          deregister URL, getproperty NAME
This is the slptool of kimchi-peers: it knows service:wokd and service:kimchid.";

/// The options that have a value, which changes nothing here: there is one scope, one language, and the daemon knows its
/// interfaces and when a service ends.
const WITH_VALUE: [&str; 11] =
    ["-s", "--scopes", "--scope", "-l", "--language", "-t", "--time", "-i", "--interfaces", "-u", "--unicastifc"];

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Of a type that is not ours nobody is found.
    FindServices(Option<ServiceType>),
    FindAttributes,
    /// By naming authority; `*` for all.
    FindTypes(String),
    FindScopes,
    Register(String),
    Deregister(String),
    Property(String),
    Version,
}

impl Order {
    /// Reads the words; `None` where slptool prints how it is used.
    pub(super) fn read(words: &[String]) -> Option<Self> {
        let mut rest = words.iter().map(String::as_str);
        let command = loop {
            let word = rest.next()?.to_ascii_lowercase();
            if matches!(word.as_str(), "-v" | "--version") {
                return Some(Self::Version);
            }
            if !WITH_VALUE.contains(&word.as_str()) {
                break word;
            }
            rest.next()?;
        };
        let mut parameter = || rest.next().map(str::to_owned);
        Some(match command.as_str() {
            "findsrvs" => Self::FindServices(ServiceType::named(&parameter()?)),
            "findattrs" => parameter().map(|_| Self::FindAttributes)?,
            "findsrvtypes" => Self::FindTypes(parameter().unwrap_or_else(|| "*".to_owned())),
            "findscopes" => Self::FindScopes,
            "register" => Self::Register(parameter()?),
            "deregister" => Self::Deregister(parameter()?),
            "getproperty" => Self::Property(parameter()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Order> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Order::read(&words)
    }

    #[test]
    fn every_command_of_the_original_is_read() {
        let url = "service:wokd://kvm-1:8001".to_owned();
        for (line, order) in [
            ("findsrvs service:wokd", Order::FindServices(Some(ServiceType::Wokd))),
            ("findsrvs service:kimchid (a=1)", Order::FindServices(Some(ServiceType::Kimchid))),
            ("FINDSRVS Service:Wokd", Order::FindServices(Some(ServiceType::Wokd))),
            ("findsrvs service:http", Order::FindServices(None)),
            ("findattrs service:wokd a,b", Order::FindAttributes),
            ("findsrvtypes", Order::FindTypes("*".to_owned())),
            ("findsrvtypes ibm", Order::FindTypes("ibm".to_owned())),
            ("findscopes", Order::FindScopes),
            ("register service:wokd://kvm-1:8001", Order::Register(url.clone())),
            ("register service:wokd://kvm-1:8001 (a=1),(b=2)", Order::Register(url.clone())),
            ("deregister service:wokd://kvm-1:8001", Order::Deregister(url.clone())),
            ("getproperty net.slp.useScopes", Order::Property("net.slp.useScopes".to_owned())),
            ("-v", Order::Version),
            ("-s DEFAULT --VERSION", Order::Version),
            (
                "-s a,b -l en -t 300 -i 10.0.0.1,10.0.0.2 -u 10.0.0.1 register service:wokd://kvm-1:8001",
                Order::Register(url),
            ),
            ("--scopes a --language en --time 1 --interfaces a --unicastifc b findscopes", Order::FindScopes),
        ] {
            assert_eq!(read(line), Some(order), "{line}");
        }
    }

    #[test]
    fn anything_else_is_told_how_it_is_used() {
        for line in [
            "",
            "-s",
            "-s a",
            "findsrvs",
            "register",
            "deregister",
            "getproperty",
            "findattrs",
            "find",
            "-x findscopes",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}

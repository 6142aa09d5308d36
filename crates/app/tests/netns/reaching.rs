//! Ansible and ssh on a host of the network reach the others by what the daemon tells them: a real server on each, its key known.

use std::path::Path;
use std::process::Output;

use super::daemon::{Daemon, wait_all_listed};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::process::Running;
use super::tools::program_of;
use super::wait::seconds;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kimchi-peers");
const INVENTORY: &str = include_str!("../../../../packaging/ansible/kimchi-inventory");
/// Who signs in. A server that does not run as root serves its own user alone, and changes no user, which the superuser of a
/// namespace may not do either.
const USER: &str = "admin:x:1000:1000::/run/hosts:/bin/sh\n";

/// The programs of OpenSSH and Ansible that are used.
struct Programs {
    server: String,
    client: String,
    key_maker: String,
    ansible: String,
}

impl Programs {
    fn find() -> Option<Self> {
        let path = |name: &str, package: &str| Some(program_of(name, package)?.to_str()?.to_owned());
        Some(Self {
            server: path("sshd", "openssh-server")?,
            client: path("ssh", "openssh-client")?,
            key_maker: path("ssh-keygen", "openssh-client")?,
            ansible: path("ansible", "ansible-core (pip)")?,
        })
    }
}

/// Makes a key pair in a file of this name, and returns the public one.
fn make_key(programs: &Programs, host: &Host, name: &str) -> String {
    let file = format!("{}/{name}", host.directory());
    let made = host.run(&[&programs.key_maker, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &file]);
    assert!(made.status.success(), "{made:?}");
    std::fs::read_to_string(format!("{file}.pub")).unwrap().trim().to_owned()
}

/// A server on the port of ssh of the host's own address, which lets in who has the key.
fn serve(programs: &Programs, host: &Host, address: &str, key: &str) -> Running {
    let directory = host.directory();
    std::fs::write(format!("{directory}/authorized_keys"), format!("{key}\n")).unwrap();
    std::fs::write(format!("{directory}/passwd"), USER).unwrap();
    // Whoever serves without being root must be allowed to take a port below 1024.
    let prepare = "mount --bind \"$1/passwd\" /etc/passwd && echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start";
    let prepared = host.run(&["sh", "-c", prepare, "sh", &directory]);
    assert!(prepared.status.success(), "{prepared:?}");
    // It starts itself again for each connection, for which it wants to be named by its whole path.
    let server = format!("exec \"$(command -v {})\" \"$@\"", programs.server);
    let mut words = vec!["unshare", "--user", "--map-user=1000", "--map-group=1000", "sh", "-c", &server, "sh"];
    words.extend(["-D", "-e", "-f", "/dev/null", "-o", "UsePAM=no", "-o", "StrictModes=no", "-o", "PidFile=none"]);
    words.extend(["-o", "Subsystem=sftp internal-sftp"]);
    let options = [
        format!("-oHostKey={directory}/host_key"),
        format!("-oAuthorizedKeysFile={directory}/authorized_keys"),
        format!("-oListenAddress={address}"),
    ];
    words.extend(options.iter().map(String::as_str));
    let server = host.spawn(&words);
    super::wait::until(seconds(20), "the server listens", || {
        server.errors().since(0).iter().any(|line| line.text.contains("listening"))
    });
    server
}

/// What succeeded printed.
fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{text}\n{errors}", output.status);
    text
}

/// Runs Ansible with the inventory that is shipped, as somebody whose program is where the shell finds it.
fn ansible(programs: &Programs, host: &Host, arguments: &[&str]) -> Output {
    let directory = host.directory();
    let environment = [
        format!("PATH={directory}/bin:/usr/bin:/bin"),
        format!("ANSIBLE_SSH_ARGS=-oUserKnownHostsFile={directory}/known_hosts -oStrictHostKeyChecking=yes"),
        format!("ANSIBLE_PRIVATE_KEY_FILE={directory}/key"),
        "ANSIBLE_REMOTE_USER=admin".to_owned(),
        // Who is not root cannot give a terminal away.
        "ANSIBLE_SSH_USETTY=False".to_owned(),
        "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3".to_owned(),
        "ANSIBLE_REMOTE_TEMP=/run/hosts/ansible".to_owned(),
        "LC_ALL=C.UTF-8".to_owned(),
    ];
    let inventory = format!("{directory}/bin/kimchi-inventory");
    let mut words = vec!["env"];
    words.extend(environment.iter().map(String::as_str));
    words.extend([programs.ansible.as_str(), "-i", &inventory]);
    host.run(&[&words, arguments].concat())
}

/// The program under its own name and the inventory beside it, both in the directory `bin` of the host.
fn install_tools(host: &Host) {
    let place = Path::new(&host.directory()).join("bin");
    std::fs::create_dir(&place).unwrap();
    std::os::unix::fs::symlink(PROGRAM, place.join("kimchi-peers")).unwrap();
    let script = place.join("kimchi-inventory");
    std::fs::write(&script, INVENTORY).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn ansible_and_ssh_reach_the_hosts() {
    let Some(programs) = Programs::find() else { return };
    inside(move || {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let directory = hosts[0].directory();
        let key = make_key(&programs, &hosts[0], "key");
        let mut known = String::new();
        let mut servers = Vec::new();
        for number in [2, 3] {
            let host = &hosts[usize::from(number) - 1];
            let address = lan.address(number);
            let host_key = make_key(&programs, host, "host_key");
            // Ansible asks for the key of the address, ssh for that of the name.
            known += &format!("{address},{} {host_key}\n", host.name());
            servers.push(serve(&programs, host, &address, &key));
        }
        std::fs::write(format!("{directory}/known_hosts"), known).unwrap();
        install_tools(&hosts[0]);
        let mut daemons = hosts.iter().map(Daemon::start).collect::<Vec<_>>();
        wait_all_listed(seconds(20), &daemons);

        let reached = said(&ansible(&programs, &hosts[0], &["kimchi_peers", "-m", "ping"]));
        for host in &hosts[1..] {
            assert!(reached.contains(&format!("{} | SUCCESS", host.name())), "{reached}");
        }
        assert_eq!(reached.matches("pong").count(), 2, "{reached}");

        let file = format!("{directory}/ssh-config");
        std::fs::write(&file, daemons[0].say(&["list", "-o", "ssh-config"])).unwrap();
        let options = format!("-oUserKnownHostsFile={directory}/known_hosts");
        let identity = format!("{directory}/key");
        let fixed = [&programs.client, "-F", &file, "-oStrictHostKeyChecking=yes", &options, "-i", &identity];
        for host in &hosts[1..] {
            let target = format!("admin@{}", host.name());
            assert_eq!(said(&hosts[0].run(&[&fixed[..], &[&target, "hostname"]].concat())).trim(), host.name());
        }

        daemons[2].terminate();
        daemons[0].wait_event(seconds(20), 0, "down", hosts[2].name());
        let after = said(&ansible(&programs, &hosts[0], &["kimchi_peers", "-m", "command", "-a", "hostname"]));
        assert!(after.contains(&format!("{} | ", hosts[1].name())) && !after.contains(hosts[2].name()), "{after}");
    });
}

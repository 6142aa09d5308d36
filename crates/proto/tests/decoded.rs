//! A datagram that comes in decoded does what it does as bytes.

use std::net::{IpAddr, SocketAddr};

use kimchi_peers_proto::{
    Config, Datagram, Facts, Identity, Input, Instant, Interface, InvalidHostName, Lane, Message, Network, Node,
    Output, PORT, PeerId, Profile,
};

fn host(number: u8, name: &str) -> Result<(Node, IpAddr), InvalidHostName> {
    let identity = Identity { id: PeerId::from_bytes([number; 32]), epoch: 1 };
    let profile =
        Profile { name: name.parse()?, http_port: 8000, https_port: 8001, facts: Facts::default(), certificate: None };
    let address = IpAddr::from([10, 0, 0, number]);
    let lan = Network { address, prefix: 24 };
    let eth0 = Interface { index: 2, name: "eth0".into(), networks: vec![lan], loopback: false };
    let mut node = Node::new(identity, profile, Config::default(), u64::from(number), Vec::new());
    node.handle(Instant::ZERO, Input::Interfaces(vec![eth0]));
    Ok((node, address))
}

fn outputs(node: &mut Node) -> (Vec<Output>, Option<Instant>) {
    let mut all = Vec::new();
    loop {
        match node.poll() {
            Output::Wait { until, .. } => return (all, until),
            output @ (Output::Send { .. } | Output::Event(_)) => all.push(output),
        }
    }
}

#[test]
fn both_ways_give_the_same_outputs() -> Result<(), InvalidHostName> {
    let ((mut speaker, address), (mut by_bytes, _), (mut decoded, _)) =
        (host(1, "kvm-1")?, host(2, "kvm-2")?, host(2, "kvm-2")?);
    let mut now = Instant::ZERO;
    let mut heard = 0;
    for _ in 0..40 {
        let (said, next) = outputs(&mut speaker);
        let said = said.into_iter().filter_map(|output| match output {
            Output::Send { to, bytes, .. } => Some((to, bytes)),
            Output::Event(_) | Output::Wait { .. } => None,
        });
        let noise = (SocketAddr::new(Config::default().group_v4.into(), PORT), b"\0\0\0\x02[]\n".to_vec());
        for (to, bytes) in said.chain([noise]) {
            let lane = if to.ip().is_multicast() { Lane::Group } else { Lane::Unicast };
            for from in [address, IpAddr::from([192, 168, 7, 7]), IpAddr::from([10, 0, 0, 9])] {
                let from = SocketAddr::new(from, PORT);
                let datagram = Datagram { interface: 2, from, lane, ttl: 255, bytes: &bytes };
                let message = Message::decode(&bytes);
                by_bytes.handle(now, Input::Datagram(datagram));
                decoded.handle(now, Input::Decoded(datagram, message.as_ref().map_err(|error| *error)));
                let (one, other) = (outputs(&mut by_bytes), outputs(&mut decoded));
                heard += one.0.len();
                assert_eq!(one, other);
            }
        }
        now = next.expect("a heartbeat at least");
        for node in [&mut speaker, &mut by_bytes, &mut decoded] {
            node.handle(now, Input::Tick);
        }
        assert_eq!(outputs(&mut by_bytes), outputs(&mut decoded));
    }
    assert!(heard > 5 && by_bytes.table().len() == 1);
    assert_eq!(by_bytes.counters(), decoded.counters());
    assert!(by_bytes.counters().dropped.values().sum::<u64>() > 40);
    Ok(())
}

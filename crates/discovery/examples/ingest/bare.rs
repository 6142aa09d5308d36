//! The yardstick: a thread that hears the group as the daemon does, and only counts.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use kimchi_peers_proto::{GROUP_V4, PORT};
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::{Sample, cpu_of_thread};

/// As many as the daemon takes at once.
const BATCH: usize = 64;

#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    lost: AtomicU64,
}

/// The counting thread.
pub(crate) struct BareLoop {
    counts: Arc<Counts>,
    task: PathBuf,
}

impl BareLoop {
    pub(crate) fn start() -> Self {
        let counts = Arc::new(Counts::default());
        let (announce, announced) = channel();
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            let task = std::fs::read_link("/proc/thread-self").expect("/proc");
            announce.send(PathBuf::from("/proc").join(task)).expect("the main thread waits");
            let socket = open();
            count(&socket, &shared);
        });
        Self { counts, task: announced.recv().expect("the thread runs") }
    }

    pub(crate) fn sample(&self) -> Sample {
        Sample {
            cpu: cpu_of_thread(&self.task),
            taken: self.counts.taken.load(Ordering::Relaxed),
            lost: self.counts.lost.load(Ordering::Relaxed),
        }
    }
}

/// A socket with all options that the daemon's has.
fn open() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    if setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20)).is_err() {
        socket.set_recv_buffer_size(8 << 20).expect("SO_RCVBUF");
    }
    socket.set_multicast_all_v4(false).expect("IP_MULTICAST_ALL");
    socket.bind(&SocketAddr::from((GROUP_V4, PORT)).into()).expect("the port is free");
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).expect("IP_PKTINFO");
    setsockopt(&socket, sockopt::Ipv4RecvTtl, &true).expect("IP_RECVTTL");
    setsockopt(&socket, sockopt::RxqOvfl, &1).expect("SO_RXQ_OVFL");
    let group: &Ipv4Addr = &GROUP_V4;
    socket.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(1)).expect("the loopback takes multicast");
    socket
}

fn count(socket: &Socket, counts: &Counts) {
    let mut buffers = vec![[0_u8; 1201]; BATCH];
    loop {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let space = cmsg_space!(nix::libc::in6_pktinfo, nix::libc::c_int, u32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(space));
        let flags = MsgFlags::MSG_WAITFORONE;
        let batch = recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None).expect("it receives");
        let mut taken = 0;
        for message in batch {
            taken += 1;
            for control in message.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::RxqOvfl(lost) = control {
                    counts.lost.store(lost.into(), Ordering::Relaxed);
                }
            }
        }
        counts.taken.fetch_add(taken, Ordering::Relaxed);
    }
}

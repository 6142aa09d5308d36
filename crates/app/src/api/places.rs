//! Places for connections: how many there may be, and who leaves when one more comes.
//!
//! ```text
//!  64 in all, of which each way can always have its own: 16 Unix sockets, 32 loopback, 16 TLS
//! ```
//!
//! What one way does not need, another one may use. A user other than root and the daemon's own has at most 8 over the sockets.
//!
//! A newcomer is always let in: where there is no place, the connection that is the least use leaves. That is one that has
//! not asked anything yet before one that has, and the idlest before a livelier one. So a thousand connections that hang
//! displace each other, and whoever asks at once is answered.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::api::watched::Activity;

/// Connections that all Unix sockets can always have.
const UNIX_OWN: usize = 16;
/// Connections at a time of one user over the Unix sockets; root and the daemon's own user may have all.
const USER_MAX: usize = 8;
/// Connections that all listeners on the loopback can always have.
const LOOPBACK_OWN: usize = 32;
/// Connections that all listeners which other hosts can reach can always have.
const TLS_OWN: usize = 16;
/// Connections at a time.
const ALL_MAX: usize = UNIX_OWN + LOOPBACK_OWN + TLS_OWN;
/// A connection that carries nothing for this long ends. An event stream carries a comment every 15 s.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Where a connection comes from, as far as places go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guest {
    /// Over the Unix socket, a user.
    User {
        /// The user's number.
        uid: u32,
        /// Whether this is root or the daemon's own user.
        is_administrator: bool,
    },
    /// Over TCP on the loopback.
    Loopback,
    /// Over TLS.
    Tls,
}

impl Guest {
    /// How many places its way can always have.
    const fn own(self) -> usize {
        match self {
            Self::User { .. } => UNIX_OWN,
            Self::Loopback => LOOPBACK_OWN,
            Self::Tls => TLS_OWN,
        }
    }

    const fn shares_places_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::User { .. }, Self::User { .. }) | (Self::Loopback, Self::Loopback) | (Self::Tls, Self::Tls)
        )
    }

    const fn is_administrator(self) -> bool {
        matches!(self, Self::User { is_administrator: true, .. })
    }
}

#[derive(Debug, Clone)]
struct Held {
    guest: Guest,
    activity: Arc<Activity>,
    leave: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    held: BTreeMap<u64, Held>,
}

/// The places of all listeners.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Table>);

/// One place; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    activity: Arc<Activity>,
    leave: Arc<Notify>,
}

impl Places {
    /// Gives a place to a newcomer, and takes one from another connection where there is none.
    pub(crate) fn enter(self: &Arc<Self>, guest: Guest) -> Place {
        let (activity, leave) = (Arc::new(Activity::new()), Arc::new(Notify::new()));
        let mut table = self.lock();
        while let Some(number) = table.too_many_with(guest) {
            if let Some(held) = table.held.remove(&number) {
                held.leave.notify_one();
            }
        }
        let number = table.next;
        table.next += 1;
        table.held.insert(number, Held { guest, activity: Arc::clone(&activity), leave: Arc::clone(&leave) });
        drop(table);
        Place { places: Arc::clone(self), number, activity, leave }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Who has to leave for one more such guest; `None` where there is a place.
    fn too_many_with(&self, guest: Guest) -> Option<u64> {
        let own = self.held.values().filter(|held| held.guest == guest).count();
        let is_user = matches!(guest, Guest::User { is_administrator: false, .. });
        if is_user && own >= USER_MAX {
            return self.least_use(|held| held.guest == guest);
        }
        if self.held.len() < ALL_MAX {
            return None;
        }
        if self.on_way_of(guest) >= guest.own() {
            return self.least_use(|held| held.guest.shares_places_with(guest));
        }
        // Another way then has more than its own.
        self.least_use(|held| self.on_way_of(held.guest) > held.guest.own())
    }

    fn on_way_of(&self, guest: Guest) -> usize {
        self.held.values().filter(|held| held.guest.shares_places_with(guest)).count()
    }

    /// The connection of the least use among some: administrators' last, of others one of whoever has most.
    fn least_use(&self, among: impl Fn(&Held) -> bool) -> Option<u64> {
        let of_guest = |guest: Guest| self.held.values().filter(|held| held.guest == guest).count();
        let candidates = self.held.iter().filter(|(_, held)| among(held));
        let use_of = |held: &Held| {
            let guest = held.guest;
            (guest.is_administrator(), Reverse(of_guest(guest)), held.activity.has_asked(), held.activity.last())
        };
        candidates.min_by_key(|(number, held)| (use_of(held), **number)).map(|(number, _)| *number)
    }
}

impl Place {
    /// What the stream of this connection notes.
    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Returns when the connection has to end: another one needs its place, or nothing was carried for too long.
    pub(crate) async fn lost(&self) {
        loop {
            let end = self.activity.last() + IDLE_LIMIT;
            tokio::select! {
                () = self.leave.notified() => return,
                () = sleep_until(end) => {}
            }
            if self.activity.last() + IDLE_LIMIT <= Instant::now() {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().held.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    const ROOT: Guest = Guest::User { uid: 0, is_administrator: true };

    const fn user(uid: u32) -> Guest {
        Guest::User { uid, is_administrator: false }
    }

    async fn is_lost(place: &Place) -> bool {
        timeout(Duration::ZERO, place.lost()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_idlest_that_has_not_asked_leaves_first() {
        let places = Arc::new(Places::default());
        let mut held = Vec::new();
        for _ in 0..ALL_MAX {
            held.push(places.enter(Guest::Loopback));
            advance(Duration::from_millis(10)).await;
        }
        held[0].activity.ask();
        held[1].activity.note();
        let _newcomer = places.enter(Guest::Loopback);
        for (number, place) in held.iter().enumerate() {
            assert_eq!(is_lost(place).await, number == 2, "{number}");
        }
        assert_eq!(places.lock().held.len(), ALL_MAX);
    }

    #[tokio::test]
    async fn each_way_can_always_have_its_own_places() {
        let places = Arc::new(Places::default());
        let mut held: Vec<Place> = Vec::new();
        held.extend((0..1000).map(|_| places.enter(Guest::Loopback)));
        for guest in [Guest::Tls, ROOT] {
            held.extend((0..guest.own()).map(|_| places.enter(guest)));
        }
        held.extend((0..1000).map(|_| places.enter(Guest::Loopback)));
        let table = places.lock();
        assert_eq!(table.held.len(), ALL_MAX);
        for guest in [Guest::Loopback, Guest::Tls, ROOT] {
            assert_eq!(table.on_way_of(guest), guest.own());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_displaces_no_other_one_and_root_displaces_users() {
        let places = Arc::new(Places::default());
        let first: Vec<Place> = (0..USER_MAX).map(|_| places.enter(user(1))).collect();
        let second: Vec<Place> = (0..USER_MAX - 1).map(|_| places.enter(user(2))).collect();
        let root = places.enter(ROOT);
        for _ in 0..100 {
            let _more = places.enter(user(1));
        }
        for place in second.iter().chain([&root]) {
            assert!(!is_lost(place).await);
        }
        assert!(is_lost(&first[0]).await);
        let _crowd: Vec<Place> = (0..ALL_MAX).map(|_| places.enter(Guest::Loopback)).collect();
        let _roots: Vec<Place> = (0..UNIX_OWN - 1).map(|_| places.enter(ROOT)).collect();
        assert!(!is_lost(&root).await);
        for place in &second {
            assert!(is_lost(place).await, "users make room for root");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_connection_and_a_sign_of_life_puts_that_off() {
        let places = Arc::new(Places::default());
        let place = places.enter(Guest::Tls);
        advance(IDLE_LIMIT - Duration::from_millis(1)).await;
        place.activity.note();
        advance(IDLE_LIMIT - Duration::from_millis(1)).await;
        assert!(!is_lost(&place).await);
        advance(Duration::from_millis(2)).await;
        assert!(is_lost(&place).await);
        drop(place);
        assert!(places.lock().held.is_empty());
    }
}

//! The clock of the engine: monotonic, and counting the time the machine was suspended.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use kimchi_peers_proto::Instant;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use tokio::io::unix::AsyncFd;

use crate::readiness;

/// The present time of the engine's clock (`CLOCK_BOOTTIME`).
///
/// `std::time::Instant` stands still while the machine is suspended, and a host that slept would believe that all its
/// peers are fresh.
pub fn now() -> Instant {
    // CLOCK_BOOTTIME exists since Linux 2.6.39 and its reading cannot fail with a valid pointer.
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap_or(TimeSpec::new(0, 0));
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let microseconds = u64::try_from(time.tv_nsec() / 1000).unwrap_or(0);
    Instant::from_micros(seconds.saturating_mul(1_000_000).saturating_add(microseconds))
}

/// The wall-clock time of an engine time, for display. It is as right as the wall clock is now.
pub fn wall_clock(at: Instant) -> SystemTime {
    let now = now();
    let wall = SystemTime::now();
    if at > now { wall + at.since(now) } else { wall.checked_sub(now.since(at)).unwrap_or(SystemTime::UNIX_EPOCH) }
}

/// An alarm on the engine's clock. Unlike a timer of the runtime it fires at once after a suspend that it slept through.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: TimerFd,
    events: AsyncFd<OwnedFd>,
    /// What it is set to, so that setting it to the same again costs nothing.
    set_to: Option<Instant>,
}

impl Alarm {
    /// A new alarm that is not set. Needs a running runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(TimerClock::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let shared: OwnedFd = timer.as_fd().try_clone_to_owned()?;
        Ok(Self { timer, events: readiness::watch(shared)?, set_to: None })
    }

    /// Sets the alarm to `at`, or switches it off.
    pub(crate) fn set(&mut self, at: Option<Instant>) -> io::Result<()> {
        if at == self.set_to {
            return Ok(());
        }
        // Known again only when the kernel has taken it.
        self.set_to = None;
        let Some(at) = at else { return Ok(self.timer.unset()?) };
        // Zero would switch the alarm off; the past fires at once.
        let since_boot = Duration::from_micros(at.as_micros().max(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(since_boot));
        self.timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        self.set_to = Some(at);
        Ok(())
    }

    /// Waits until the alarm fires. Cancelling loses nothing.
    ///
    /// How often it fired is not read: the runtime is told of each firing once, and setting the alarm again forgets it.
    pub(crate) async fn fired(&mut self) -> io::Result<()> {
        self.events.readable().await?.clear_ready();
        self.set_to = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn an_alarm_in_the_past_fires_and_an_unset_one_does_not() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(Some(now() - Duration::from_secs(1))).unwrap();
        alarm.fired().await.unwrap();
        alarm.set(Some(now() + Duration::from_secs(3600))).unwrap();
        alarm.set(None).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(20), alarm.fired()).await;
        assert!(waited.is_err());
    }

    #[test]
    fn the_wall_clock_of_now_is_now() {
        let shown = wall_clock(now() - Duration::from_secs(60));
        let age = SystemTime::now().duration_since(shown).unwrap();
        assert!((Duration::from_secs(59)..Duration::from_secs(62)).contains(&age), "{age:?}");
    }
}

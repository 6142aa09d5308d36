//! What is due: which timer fires next, what fires now, and what a late wake-up means.

use crate::event::Event;
use crate::link::Link;
use crate::node::Node;
use crate::time::Instant;
use crate::timers::Timer;

impl Node {
    /// Does what is due and keeps this host in the eyes of others, but asks and answers nothing: for who has not come to the end of
    /// what came in for a while.
    pub fn do_urgent(&mut self, now: Instant) {
        let told = self.outputs.len();
        self.run_due(now.min(Instant::LATEST), Timer::is_urgent);
        self.tell_disputes(told);
    }

    pub(crate) fn next_deadline(&self) -> Option<(Instant, Timer)> {
        let of_links = self.links.values().filter_map(|link| link.timers.next());
        let of_peers = if self.leaving { None } else { self.table.next_check().map(|at| (at, Timer::Check)) };
        of_links.chain(of_peers).min()
    }

    pub(crate) fn run_due(&mut self, now: Instant, which: fn(Timer) -> bool) {
        while let Some((interface, due, timer)) = self.due_link_timer(now, which) {
            self.lateness.note_due(now, due);
            self.fire(now, interface, timer);
        }
        if !self.leaving {
            while let Some(key) = self.table.take_due(now) {
                self.check(now, &key);
            }
        } else if !self.left && self.links.values().all(|link| link.timers.next().is_none()) {
            self.left = true;
            self.emit(Event::Left);
        }
    }

    fn due_link_timer(&self, now: Instant, which: fn(Timer) -> bool) -> Option<(u32, Instant, Timer)> {
        let of_link = |(index, link): (&u32, &Link)| {
            link.timers.next_of(which).filter(|(at, _)| *at <= now).map(|(due, timer)| (*index, due, timer))
        };
        self.links.iter().find_map(of_link)
    }

    /// A wake-up long after its time means that this host slept or was overloaded: its peers are not to blame.
    pub(crate) fn notice_lateness(&mut self, now: Instant) {
        let late = self.waiting_until.take().is_some_and(|due| now.since(due) > self.config.lateness);
        if late {
            self.grace_until = now + self.config.grace;
            for link in self.links.values_mut() {
                link.start_searching(now);
            }
        }
    }
}

//! Where a row is stored, by a number that it has: sorted arrays in 64 parts, by the number's first six bits.
//!
//! Identities and hashes are spread evenly, so where a number stands in its part is guessed from the number itself. A
//! search looks at two or three lines of memory where a tree looks at ten, which counts when thousands of hosts speak one
//! after the other, and an entry takes 12 bytes. Where somebody chose his numbers so that the guess is wrong, the part is
//! searched by halves.

/// Where a row is stored: an index into the table's slots.
pub(crate) type Slot = u32;

/// Parts of an index: one for each value of a number's first six bits.
const PARTS: usize = 64;
const PART_BITS: u32 = PARTS.ilog2();
/// So far from the guess a number is looked for step by step.
const STEPS: usize = 16;

/// Numbers and the slots of the rows that have them, in the order of the numbers.
#[derive(Debug)]
pub(crate) struct Index {
    parts: [Part; PARTS],
    length: usize,
}

/// The entries whose numbers begin alike, as two arrays: a search looks at the numbers alone.
#[derive(Debug, Default)]
struct Part {
    numbers: Vec<u64>,
    slots: Vec<Slot>,
}

/// A place between two entries: the part, and how many entries stand before it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(usize, usize);

impl Default for Index {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Part::default()), length: 0 }
    }
}

impl Part {
    /// How many numbers are smaller than `number`.
    fn before(&self, number: u64) -> usize {
        let length = self.numbers.len();
        // The number's further bits as a share of the part's length: always less than that.
        let guess = ((u128::from(number << PART_BITS) * length as u128) >> u64::BITS) as usize;
        let smaller = |at: usize| self.numbers.get(at).is_some_and(|other| *other < number);
        let mut at = guess;
        for _ in 0..STEPS {
            match (at > 0 && !smaller(at - 1), smaller(at)) {
                (true, _) => at -= 1,
                (false, true) => at += 1,
                (false, false) => return at,
            }
        }
        self.numbers.partition_point(|other| *other < number)
    }
}

impl Index {
    /// The place before the first place of all entries.
    pub(crate) const START: Place = Place(0, 0);
    /// The place behind all entries.
    pub(crate) const END: Place = Place(PARTS, 0);

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    fn part_of(number: u64) -> usize {
        (number >> (u64::BITS - PART_BITS)) as usize
    }

    /// The place before the first entry of `number` that is not to come `earlier`, among those with the same number.
    pub(crate) fn place(&self, number: u64, earlier: impl Fn(Slot) -> bool) -> Place {
        let index = Self::part_of(number);
        let Some(part) = self.parts.get(index) else { return Self::END };
        let mut at = part.before(number);
        while part.numbers.get(at) == Some(&number) && part.slots.get(at).is_some_and(|slot| earlier(*slot)) {
            at += 1;
        }
        Place(index, at)
    }

    /// The slots of all rows with this number.
    pub(crate) fn of(&self, number: u64) -> impl Iterator<Item = Slot> {
        let part = self.parts.get(Self::part_of(number));
        let first = part.map_or(0, |part| part.before(number));
        let entries = part.into_iter().flat_map(move |part| part.numbers.iter().zip(&part.slots).skip(first));
        entries.take_while(move |(other, _)| **other == number).map(|(_, slot)| *slot)
    }

    /// Puts an entry behind those of the same number that are to come `earlier`.
    pub(crate) fn insert(&mut self, number: u64, slot: Slot, earlier: impl Fn(Slot) -> bool) {
        let Place(index, at) = self.place(number, earlier);
        if let Some(part) = self.parts.get_mut(index) {
            part.numbers.insert(at, number);
            part.slots.insert(at, slot);
            self.length += 1;
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, number: u64, slot: Slot) {
        let Place(index, at) = self.place(number, |other| other != slot);
        let Some(part) = self.parts.get_mut(index) else { return };
        if part.numbers.get(at) == Some(&number) && part.slots.get(at) == Some(&slot) {
            part.numbers.remove(at);
            part.slots.remove(at);
            self.length -= 1;
        }
    }

    /// The slots between two places.
    pub(crate) fn range(&self, first: Place, end: Place) -> Slots<'_> {
        Slots { index: self, first, end }
    }

    /// All slots.
    pub(crate) fn iter(&self) -> Slots<'_> {
        self.range(Self::START, Self::END)
    }
}

/// The slots between two places, in the order of their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Slots<'a> {
    index: &'a Index,
    first: Place,
    end: Place,
}

impl Iterator for Slots<'_> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        while self.first < self.end {
            let Place(index, at) = self.first;
            if let Some(slot) = self.index.parts.get(index)?.slots.get(at) {
                self.first = Place(index, at + 1);
                return Some(*slot);
            }
            self.first = Place(index + 1, 0);
        }
        None
    }
}

impl DoubleEndedIterator for Slots<'_> {
    fn next_back(&mut self) -> Option<Slot> {
        while self.first < self.end {
            let Place(index, at) = self.end;
            if let Some(before) = at.checked_sub(1) {
                self.end = Place(index, before);
                return self.index.parts.get(index)?.slots.get(before).copied();
            }
            let before = index.checked_sub(1)?;
            self.end = Place(before, self.index.parts.get(before)?.slots.len());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same calls on an index and on a sorted list give the same, whether the numbers are spread or chosen.
    #[test]
    fn it_does_what_a_sorted_list_does() {
        for crowded in [0, 58, 63] {
            let mut random = fastrand::Rng::with_seed(u64::from(crowded as u32) + 1);
            let (mut index, mut list) = (Index::default(), Vec::<(u64, Slot)>::new());
            for slot in 0..3_000 {
                let number = random.u64(..) >> crowded;
                if random.u8(..4) == 0 && !list.is_empty() {
                    let (number, slot) = list.remove(random.usize(..list.len()));
                    index.remove(number, slot);
                    index.remove(number, slot);
                } else {
                    index.insert(number, slot, |other| other < slot);
                    list.push((number, slot));
                    list.sort_unstable();
                }
                let from = random.usize(..=list.len());
                let (number, first) = list.get(from).copied().unwrap_or((u64::MAX, Slot::MAX));
                let place = index.place(number, |other| other < first);
                assert_eq!(index.len(), list.len());
                assert!(index.range(place, Index::END).eq(list.iter().skip(from).map(|(_, slot)| *slot)));
                assert!(index.range(Index::START, place).rev().eq(list.iter().take(from).rev().map(|(_, slot)| *slot)));
                let alike = list.iter().filter(|(other, _)| *other == number).map(|(_, slot)| *slot);
                assert!(index.of(number).eq(alike));
            }
        }
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_empty() {
        let mut index = Index::default();
        (0..100).for_each(|slot| index.insert(u64::from(slot) << 57, slot, |_| false));
        let (low, high) = (index.place(1 << 58, |_| false), index.place(1 << 62, |_| false));
        assert_eq!(index.range(high, low).count() + index.range(high, low).rev().count(), 0);
    }
}

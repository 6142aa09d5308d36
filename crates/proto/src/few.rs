//! A list that is usually one element long.

use std::ops::{Deref, DerefMut};

/// A list that needs no heap for its first element. Reads like a slice.
///
/// Nearly every peer is heard on one path, and a table may hold thousands of peers.
#[derive(Debug, Clone)]
pub struct Few<T>(Elements<T>);

#[derive(Debug, Clone)]
enum Elements<T> {
    None,
    One(T),
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self(Elements::None)
    }

    /// Puts `element` at the end.
    pub fn push(&mut self, element: T) {
        self.0 = match std::mem::replace(&mut self.0, Elements::None) {
            Elements::None => Elements::One(element),
            Elements::One(first) => Elements::Many(vec![first, element]),
            Elements::Many(mut elements) => {
                elements.push(element);
                Elements::Many(elements)
            }
        };
    }

    /// Keeps the elements for which `keep` holds, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        match &mut self.0 {
            Elements::None => {}
            Elements::One(element) => {
                if !keep(element) {
                    self.0 = Elements::None;
                }
            }
            Elements::Many(elements) => elements.retain(keep),
        }
    }

    /// Takes out the element at `index`; `None` where there is none.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        match &mut self.0 {
            Elements::One(_) if index == 0 => match std::mem::replace(&mut self.0, Elements::None) {
                Elements::One(element) => Some(element),
                Elements::None | Elements::Many(_) => None,
            },
            Elements::None | Elements::One(_) => None,
            Elements::Many(elements) => (index < elements.len()).then(|| elements.remove(index)),
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Elements::None => &[],
            Elements::One(element) => std::slice::from_ref(element),
            Elements::Many(elements) => elements,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Elements::None => &mut [],
            Elements::One(element) => std::slice::from_mut(element),
            Elements::Many(elements) => elements,
        }
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        elements.into_iter().fold(Self::new(), |mut few, element| {
            few.push(element);
            few
        })
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut Few<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same calls on a `Few` and on a `Vec` give the same list, whatever the calls are.
    #[test]
    fn it_does_what_a_vector_does() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let (mut few, mut vector) = (Few::new(), Vec::new());
            for _ in 0..random.usize(..12) {
                let number = random.u8(..6);
                match random.u8(..5) {
                    0 => {
                        few.retain(|element| *element != number);
                        vector.retain(|element| *element != number);
                    }
                    1 => {
                        let index = usize::from(number);
                        let expected = (index < vector.len()).then(|| vector.remove(index));
                        assert_eq!(few.remove(index), expected);
                    }
                    2 => {
                        few.iter_mut().for_each(|element| *element = (*element + 1) % 6);
                        vector.iter_mut().for_each(|element| *element = (*element + 1) % 6);
                    }
                    _ => {
                        few.push(number);
                        vector.push(number);
                    }
                }
                assert_eq!(*few, *vector);
                assert_eq!(few, vector.iter().copied().collect());
            }
        }
    }
}

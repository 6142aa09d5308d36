//! A checksum per row, since SQLite itself does not notice a flipped bit inside a row.

use ring::digest::{SHA256, digest};

/// Bytes of the SHA-256 that are kept: enough against accidents, which is all this is for.
const KEPT_BYTES: usize = 8;
/// Most rows are shorter.
const USUAL_BYTES: usize = 512;

/// Collects the columns of one row in order; every value is prefixed with its length, so that no two rows look alike.
///
/// They are gathered first, since hashing once is faster than hashing each column, and every start hashes every row.
pub(super) struct Checksum(Vec<u8>);

impl Checksum {
    /// Starts the checksum of a row of `table`; the name is part of it, so a row cannot pass for one of another table.
    pub(super) fn of(table: &str) -> Self {
        Self(Vec::with_capacity(USUAL_BYTES)).text(table)
    }

    /// Adds a text column.
    pub(super) fn text(self, value: &str) -> Self {
        self.present(value.as_bytes())
    }

    /// Adds a text column that may be null; null differs from empty.
    pub(super) fn optional_text(self, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// Adds an integer column.
    pub(super) fn integer(self, value: i64) -> Self {
        self.present(&value.to_le_bytes())
    }

    /// Adds an integer column that may be null.
    pub(super) fn optional_integer(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.integer(value),
            None => self.null(),
        }
    }

    /// Adds a column of a fraction that may be null.
    pub(super) fn optional_real(self, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.present(&value.to_le_bytes()),
            None => self.null(),
        }
    }

    /// Ends the row and returns 16 hexadecimal digits.
    pub(super) fn finish(self) -> String {
        digest(&SHA256, &self.0).as_ref().iter().take(KEPT_BYTES).fold(
            String::with_capacity(2 * KEPT_BYTES),
            |mut text, byte| {
                text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('?')));
                text
            },
        )
    }

    fn present(mut self, bytes: &[u8]) -> Self {
        self.0.push(1);
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn null(mut self) -> Self {
        self.0.push(0);
        self
    }
}

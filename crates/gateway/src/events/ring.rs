//! The events of the last while, as they came: bounded by number and bytes.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::shown::Shown;

/// An event, and how it is shown once somebody has wanted to see it.
pub(super) struct Entry {
    pub(super) id: u64,
    body: Bytes,
    shown: OnceLock<Option<Shown>>,
}

impl Entry {
    /// How it is shown; none if it is nobody's.
    pub(super) fn shown(&self) -> Option<&Shown> {
        let read = || Shown::read(&self.body);
        self.shown.get_or_init(read).as_ref()
    }
}

/// The ring. Ids begin with 1.
pub(super) struct Ring {
    kept: VecDeque<Arc<Entry>>,
    bytes: usize,
    next: u64,
    most: usize,
    most_bytes: usize,
}

impl Ring {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            next: 1,
            most: most.max(1),
            most_bytes,
        }
    }

    /// Takes an event in and returns its id; the oldest ones make room.
    pub(super) fn push(&mut self, body: Bytes) -> u64 {
        let id = self.next;
        self.next += 1;
        self.bytes += body.len();
        self.kept.push_back(Arc::new(Entry {
            id,
            body,
            shown: OnceLock::new(),
        }));
        while self.kept.len() > self.most || (self.bytes > self.most_bytes && self.kept.len() > 1) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.body.len();
            }
        }
        id
    }

    /// The id of the newest event; 0 before the first.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Some of what came after `id`, in its order. None: some of that is gone.
    pub(super) fn after(&self, id: u64, most: usize) -> Option<Vec<Arc<Entry>>> {
        let oldest = self.kept.front().map_or(self.next, |entry| entry.id);
        let skipped = (id + 1).checked_sub(oldest)?;
        let skipped = usize::try_from(skipped).ok()?;
        Some(self.kept.iter().skip(skipped).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ring: &Ring, after: u64, most: usize) -> Option<Vec<u64>> {
        let found = ring.after(after, most)?;
        Some(found.iter().map(|entry| entry.id).collect())
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_gone_is_known() {
        let mut ring = Ring::new(3, 1_000);
        assert_eq!((ring.newest(), ids(&ring, 0, 9)), (0, Some(vec![])));
        for _ in 0..5 {
            ring.push(Bytes::from_static(b"0123456789"));
        }
        assert_eq!(ring.newest(), 5);
        assert_eq!(ids(&ring, 2, 9), Some(vec![3, 4, 5]));
        assert_eq!(ids(&ring, 3, 1), Some(vec![4]));
        assert_eq!(ids(&ring, 5, 9), Some(vec![]));
        assert_eq!(ids(&ring, 1, 9), None, "2 is gone");

        let mut small = Ring::new(100, 25);
        for _ in 0..4 {
            small.push(Bytes::from_static(b"0123456789"));
        }
        assert_eq!(ids(&small, 2, 9), Some(vec![3, 4]));
        assert_eq!(ids(&small, 1, 9), None);
        small.push(Bytes::from(vec![0; 100]));
        assert_eq!(ids(&small, 4, 9), Some(vec![5]), "the newest stays");
    }
}

//! A small buffer over a large body, addressed by position. It is where walks are bounded and where they stop.

use std::io::{self, Read, Seek, SeekFrom};

use super::Rejection;

const BUFFER: usize = 8 * 1024;

/// Why a walk stopped before its end.
#[derive(Debug)]
pub(super) enum Halt {
    Io(io::Error),
    Rejected(Rejection),
}

impl Halt {
    /// The body ends `inside` of something that goes on.
    pub(super) fn ends_inside(inside: &str) -> Self {
        Halt::Rejected(Rejection::Truncated { detail: format!("it ends inside {inside}") })
    }

    /// The body says something that cannot be.
    pub(super) fn damaged(detail: &str) -> Self {
        Halt::Rejected(Rejection::Truncated { detail: detail.to_owned() })
    }

    pub(super) fn not_an_image(found: &str) -> Self {
        Halt::Rejected(Rejection::NotAnImage { found: found.to_owned() })
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Halt::Io(error)
    }
}

pub(super) type Walk<T> = Result<T, Halt>;

/// The body, seen through a buffer.
///
/// Walks move forward, but directories may point anywhere. So every access and every refill is paid from a budget
/// that is a multiple of the length: honest files use a fraction of it, and those that lead in circles run out.
#[derive(Debug)]
pub(super) struct Window<'a, R> {
    body: &'a mut R,
    len: u64,
    buffer: Vec<u8>,
    start: u64,
    budget: u64,
}

impl<'a, R: Read + Seek> Window<'a, R> {
    pub(super) fn new(body: &'a mut R, len: u64) -> Self {
        let budget = len.saturating_mul(32).saturating_add(4 << 20);
        Window { body, len, buffer: Vec::new(), start: 0, budget }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Up to `count` bytes (at most the size of the buffer) from `at` on, fewer only at the end of the body.
    pub(super) fn upto(&mut self, at: u64, count: usize) -> Walk<&[u8]> {
        let count = count.min(BUFFER).min(usize::try_from(self.len.saturating_sub(at)).unwrap_or(BUFFER));
        self.spend(count as u64)?;
        if self.buffered(at).len() < count {
            self.fill(at)?;
        }
        let found = self.buffered(at);
        Ok(&found[..count.min(found.len())])
    }

    /// Exactly `N` bytes; `inside` names what is cut off where they are missing.
    pub(super) fn bytes<const N: usize>(&mut self, at: u64, inside: &str) -> Walk<[u8; N]> {
        self.upto(at, N)?.try_into().map_err(|_| Halt::ends_inside(inside))
    }

    /// Where a stretch of `count` bytes from `at` on ends, if the body is that long.
    pub(super) fn reach(&self, at: u64, count: u64, inside: &str) -> Walk<u64> {
        at.checked_add(count).filter(|&end| end <= self.len).ok_or_else(|| Halt::ends_inside(inside))
    }

    /// The position of the next `byte` at or behind `at`.
    pub(super) fn find(&mut self, byte: u8, mut at: u64) -> Walk<Option<u64>> {
        while at < self.len {
            if self.buffered(at).is_empty() {
                self.fill(at)?;
            }
            let seen = self.buffered(at);
            let (seen_len, hit) = (seen.len() as u64, memchr::memchr(byte, seen));
            if let Some(offset) = hit {
                self.spend(1)?;
                return Ok(Some(at + offset as u64));
            }
            if seen_len == 0 {
                break;
            }
            at += seen_len;
        }
        Ok(None)
    }

    /// What the buffer holds from `at` on.
    fn buffered(&self, at: u64) -> &[u8] {
        let offset = at.checked_sub(self.start).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| self.buffer.get(offset..)).unwrap_or_default()
    }

    fn fill(&mut self, at: u64) -> Walk<()> {
        self.start = at;
        self.body.seek(SeekFrom::Start(at))?;
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(BUFFER);
        // Only what is new of the buffer is zeroed, most often nothing: `read_to_end` would do it with all of it, always.
        self.buffer.resize(left.min(BUFFER), 0);
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.body.read(&mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.buffer.truncate(filled);
        self.spend(self.buffer.len() as u64)
    }

    fn spend(&mut self, bytes: u64) -> Walk<()> {
        self.budget = self.budget.checked_sub(bytes).ok_or_else(|| Halt::damaged("its directories lead in circles"))?;
        Ok(())
    }
}

//! Reading a file that grows: what has not come is waited for, unless somebody said otherwise.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often the end of the file is looked at.
const TICK: Duration = Duration::from_millis(20);

/// The state of an arriving source.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    imagined: AtomicBool,
    shut: AtomicBool,
}

impl Arrival {
    /// From now on reads past the end get zeros, those that wait included.
    pub(super) fn imagine(&self) {
        self.imagined.store(true, Ordering::Release);
    }

    /// From now on every read fails, those that wait included.
    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
    }

    /// Reads at `at`, which lies before the end that the file will have. A file never ends here: the
    /// courier ends the process when no more will come.
    pub(super) fn read_at(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            if self.shut.load(Ordering::Acquire) {
                return Err(io::Error::other("the source is not needed any more"));
            }
            let read = file.read_at(buffer, at)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if self.imagined.load(Ordering::Acquire) {
                buffer.fill(0);
                return Ok(buffer.len());
            }
            thread::sleep(TICK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    #[test]
    fn who_reads_past_the_end_waits_and_gets_the_bytes_that_come() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"here").unwrap();
        let arrival = Arrival::default();
        let mut buffer = [9; 8];
        assert_eq!(arrival.read_at(&file, &mut buffer, 0).unwrap(), 4);
        let late = file.try_clone().unwrap();
        let writer = thread::spawn(move || {
            thread::sleep(TICK * 3);
            late.write_all_at(b"later", 4)
        });
        assert_eq!(arrival.read_at(&file, &mut buffer, 4).unwrap(), 5);
        assert_eq!(&buffer[..5], b"later");
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn zeros_stand_for_what_has_not_come_when_that_is_asked_for() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"here").unwrap();
        let arrival = Arrival::default();
        arrival.imagine();
        let mut buffer = [9; 8];
        assert_eq!(arrival.read_at(&file, &mut buffer, 2).unwrap(), 2);
        assert_eq!(arrival.read_at(&file, &mut buffer, 4).unwrap(), 8);
        assert_eq!(buffer, [0; 8]);
    }

    #[test]
    fn one_that_waits_in_vain_is_let_go() {
        let file = tempfile::tempfile().unwrap();
        let arrival = Arc::new(Arrival::default());
        let other = arrival.clone();
        let waiting = thread::spawn(move || other.read_at(&file, &mut [0; 4], 0));
        thread::sleep(TICK);
        arrival.shut();
        assert!(waiting.join().unwrap().is_err());
    }
}

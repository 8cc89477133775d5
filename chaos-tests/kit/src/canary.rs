//! Canaries: values that nobody else has, and a search for them in every byte of directories and of processes' memory (I9).

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// How much is read at once.
const CHUNK: usize = 1 << 20;
/// Random bytes of a canary: nobody has the same by chance.
const LENGTH: usize = 24;

/// A value to be looked for, in every form in which it is likely to be written.
#[derive(Clone, Debug)]
pub struct Canary {
    /// The value.
    pub value: String,
    patterns: Vec<Vec<u8>>,
}

impl Canary {
    /// A new one, of letters and digits.
    #[must_use]
    pub fn new() -> Self {
        let bytes: [u8; LENGTH] = rand::random();
        Self::of(format!("canary-{}", HEXLOWER.encode(&bytes)))
    }

    /// Looks for this text.
    #[must_use]
    pub fn of(value: String) -> Self {
        let bytes = value.as_bytes();
        let mut patterns = vec![
            bytes.to_vec(),
            HEXLOWER.encode(bytes).into_bytes(),
            HEXUPPER.encode(bytes).into_bytes(),
            bytes.iter().rev().copied().collect(),
        ];
        // Within something longer it may begin at each of three places of a base64 group. What its neighbours have a share in is
        // left out at both ends.
        for (before, cut) in [(0, 0), (1, 2), (2, 3)] {
            let padded = [&vec![0; before], bytes].concat();
            for encoding in [BASE64, BASE64URL] {
                let text = encoding.encode(&padded);
                let whole = padded.len() / 3 * 4;
                patterns.push(text.as_bytes()[cut..whole].to_vec());
            }
        }
        patterns.sort();
        patterns.dedup();
        Self { value, patterns }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| memchr::memmem::find(bytes, pattern).is_some())
    }

    fn longest(&self) -> usize {
        self.patterns.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Whether a text or an answer has it.
    #[must_use]
    pub fn is_told(&self, bytes: impl AsRef<[u8]>) -> bool {
        self.is_in(bytes.as_ref())
    }

    /// The files below a directory in which it is found, and how many bytes were read.
    pub fn below(&self, directory: &Path) -> Result<(Vec<PathBuf>, u64)> {
        let (mut found, mut read) = (Vec::new(), 0);
        let mut open = vec![directory.to_owned()];
        while let Some(next) = open.pop() {
            // Files come and go under a running daemon.
            let Ok(entries) = fs::read_dir(&next) else { continue };
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    open.push(entry.path());
                } else if kind.is_file()
                    && let Ok(bytes) = fs::read(entry.path())
                {
                    read += bytes.len() as u64;
                    if self.is_in(&bytes) {
                        found.push(entry.path());
                    }
                }
            }
        }
        Ok((found, read))
    }

    /// In how many places of a process' memory it is found, and how many bytes were read. Errors: its memory can't be read:
    /// it is no child of ours, and we are not root (ptrace(2)).
    pub fn in_memory_of(&self, pid: u32) -> Result<(usize, u64)> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).context("reading the memory map")?;
        let memory = File::open(format!("/proc/{pid}/mem")).context("opening the memory")?;
        let (mut found, mut read) = (0, 0);
        let mut buffer = vec![0; CHUNK];
        for (start, end) in maps.lines().filter_map(readable) {
            let overlap = self.longest() as u64;
            let mut at = start;
            while at < end {
                let wanted = usize::try_from((end - at).min(CHUNK as u64)).unwrap_or(CHUNK);
                // What is mapped may be gone by now, or may be a device.
                let Ok(count) = memory.read_at(&mut buffer[..wanted], at) else { break };
                if count == 0 {
                    break;
                }
                read += count as u64;
                found += usize::from(self.is_in(&buffer[..count]));
                let next = at + count as u64;
                // What lies across two chunks is in the second one as a whole.
                at = if next < end && count as u64 > overlap { next - overlap } else { next };
            }
        }
        Ok((found, read))
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a line of `/proc/pid/maps` (proc(5)) says that there is memory to be read.
fn readable(line: &str) -> Option<(u64, u64)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let special = ["[vvar", "[vsyscall]"].iter().any(|name| rest.contains(name));
    let place = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
    (rest.starts_with('r') && !special).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_every_form_and_place() {
        let canary = Canary::new();
        let value = canary.value.as_bytes();
        for before in 0..4 {
            let text = [&vec![b'x'; before], value, b"yz"].concat();
            assert!(canary.is_told(&text) && canary.is_told(BASE64.encode(&text)), "{before}");
            assert!(canary.is_told(BASE64URL.encode(&text)) && canary.is_told(HEXLOWER.encode(&text)));
        }
        assert!(!canary.is_told(Canary::new().value) && !canary.is_told("") && !canary.is_told(&value[1..]));
    }

    #[test]
    fn it_is_found_on_disk_and_across_chunks_of_memory() {
        let canary = Canary::new();
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("other"), b"nothing").unwrap();
        assert_eq!(canary.below(directory.path()).unwrap(), (vec![], 7));
        let path = directory.path().join("a/file");
        fs::write(&path, BASE64.encode(canary.value.as_bytes())).unwrap();
        assert_eq!(canary.below(directory.path()).unwrap().0, [path]);

        // At every alignment against the chunks one of these lies across two.
        let value = canary.value.as_bytes();
        let mut block = vec![0_u8; 3 * CHUNK];
        let at = CHUNK - value.len() / 2;
        block[at..at + value.len()].copy_from_slice(value);
        std::hint::black_box(&block);
        let (found, read) = canary.in_memory_of(std::process::id()).unwrap();
        assert!(found > 0 && read > block.len() as u64, "{found} in {read}");
    }
}

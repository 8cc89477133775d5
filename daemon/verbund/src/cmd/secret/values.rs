//! Reading values: from files, from a file of lines `KEY=VALUE`, from standard input. What went wrong is told without them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use verbund_keys::SecretValues;
use zeroize::Zeroizing;

use crate::cli::ValuesFrom;
use crate::failure::Failure;
use crate::t;

/// The most bytes of one value, and of all lines.
const MOST: u64 = 128 * 1024;
const STDIN: &str = "-";

/// The values that the command line names. Errors: none, a key twice or of a wrong form, a file that can't be read.
pub fn read(from: &ValuesFrom) -> Result<SecretValues, Failure> {
    let mut values = SecretValues::default();
    let of_stdin = |path: &str| path == STDIN;
    let stdin = from.files.iter().filter(|file| of_stdin(split(file).1)).count()
        + usize::from(from.env_file.as_deref() == Some(Path::new(STDIN)));
    if stdin > 1 {
        return Err(Failure::usage(t!("secret-stdin-once")));
    }
    for file in &from.files {
        let (key, path) = split(file);
        let key = match key {
            Some(key) => key.to_owned(),
            None if of_stdin(path) => return Err(Failure::usage(t!("secret-stdin-key"))),
            None => Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        };
        put(&mut values, &key, bytes(Path::new(path))?)?;
    }
    if let Some(path) = &from.env_file {
        lines(&mut values, &bytes(path)?, path)?;
    }
    if values.is_empty() {
        return Err(Failure::usage(t!("secret-no-value")).remedy(t!("secret-no-value-remedy")));
    }
    Ok(values)
}

/// `KEY=FILE`, or a file whose name is the key.
fn split(file: &str) -> (Option<&str>, &str) {
    file.split_once('=').map_or((None, file), |(key, path)| (Some(key), path))
}

fn put(values: &mut SecretValues, key: &str, value: Zeroizing<Vec<u8>>) -> Result<(), Failure> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    let sound = (1..=253).contains(&key.len()) && key.bytes().all(fits) && key != "." && !key.starts_with("..");
    if !sound {
        return Err(Failure::usage(t!("secret-key", key = key)));
    }
    match values.insert(key.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Failure::usage(t!("secret-key-twice", key = key))),
    }
}

/// A file as it is, with its line end if it has one.
fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // With room for all of it, so that no copy is left behind by growing.
    let mut read = Zeroizing::new(Vec::with_capacity(1 << 18));
    let result = if path == Path::new(STDIN) {
        io::stdin().lock().take(MOST + 1).read_to_end(&mut read)
    } else {
        File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut read))
    };
    result.map_err(|error| {
        Failure::new(t!("words-file-io", path = path.display().to_string(), reason = crate::words::io(&error)))
    })?;
    if read.len() as u64 > MOST {
        return Err(Failure::new(t!("secret-too-long", path = path.display().to_string(), most = MOST)));
    }
    Ok(read)
}

/// Lines `KEY=VALUE`; empty ones and those that begin with `#` say nothing. What follows the `=` is the value, as it stands.
fn lines(values: &mut SecretValues, text: &[u8], path: &Path) -> Result<(), Failure> {
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let wrong = || {
            let path = path.display().to_string();
            Failure::usage(t!("secret-line", path = path, line = number + 1))
        };
        let at = line.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let key = std::str::from_utf8(&line[..at]).map_err(|_| wrong())?;
        put(values, key.trim(), Zeroizing::new(line[at + 1..].to_vec()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(files: &[String]) -> ValuesFrom {
        ValuesFrom { files: files.to_vec(), env_file: None }
    }

    #[test]
    fn files_are_taken_as_they_are_under_their_key_or_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tls.crt");
        std::fs::write(&path, b"one\ntwo\n\xff").unwrap();
        let path = path.display().to_string();
        let values = read(&from(&[path.clone(), format!("other={path}")])).unwrap();
        let all: Vec<_> = values.iter().collect();
        assert_eq!(all, [("other", &b"one\ntwo\n\xff"[..]), ("tls.crt", b"one\ntwo\n\xff")]);
        let twice = read(&from(&[format!("k={path}"), format!("k={path}")])).unwrap_err();
        assert!(twice.to_string().contains('k'), "{twice}");
        for wrong in ["a/b", "", "..a", "ä"] {
            assert!(read(&from(&[format!("{wrong}={path}")])).is_err(), "{wrong}");
        }
        assert!(read(&from(&["k=/nonexistent/file".to_owned()])).unwrap_err().to_string().contains("/nonexistent"));
    }

    #[test]
    fn lines_give_keys_and_errors_show_no_value() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("env");
        std::fs::write(&path, "# comment\n\nUSER=wohngeld\r\nPASSWORD=a=b \"c\"\n").unwrap();
        let values = read(&ValuesFrom { files: vec![], env_file: Some(path.clone()) }).unwrap();
        let all: Vec<_> = values.iter().collect();
        assert_eq!(all, [("PASSWORD", &b"a=b \"c\""[..]), ("USER", b"wohngeld")]);
        std::fs::write(&path, "USER=x\nhunter2\n").unwrap();
        let wrong = read(&ValuesFrom { files: vec![], env_file: Some(path) }).unwrap_err().to_string();
        assert!(wrong.contains('2') && !wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn standard_input_is_read_once_and_needs_a_key() {
        assert!(read(&from(&["a=-".to_owned(), "b=-".to_owned()])).is_err());
        assert!(read(&from(&["-".to_owned()])).is_err());
        assert!(read(&from(&[])).is_err());
    }
}

//! Where a passphrase comes from: a person, or what the system hands to an unattended daemon (formats 4).

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::passphrase::{Passphrase, PassphraseError};
use crate::files::{self, FileError};

/// The most bytes of a file that holds a passphrase.
const MAX_FILE: u64 = 4096;

/// Why no passphrase came.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The configuration names none.
    #[error(
        "the key needs a passphrase and no source of one is configured: name file:PATH (mode 0600), credential:NAME (systemd), env:VARIABLE or prompt"
    )]
    None,
    /// The text names no source.
    #[error("{got:?} names no source of a passphrase: write file:PATH, credential:NAME, env:VARIABLE or prompt")]
    Form {
        /// What was given, cut to 80 characters.
        got: String,
    },
    /// The file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// systemd handed over no credentials.
    #[error(
        "the passphrase should come from the systemd credential {name:?}, but $CREDENTIALS_DIRECTORY is not set: start the daemon as a unit with LoadCredentialEncrypted={name}:…"
    )]
    NoCredentials {
        /// Which was wanted.
        name: String,
    },
    /// The variable is missing.
    #[error("the passphrase should come from the environment variable {name}, which is not set")]
    NoVariable {
        /// Which was wanted.
        name: String,
    },
    /// Nobody could be asked.
    #[error(
        "the passphrase could not be asked for on the terminal ({source}): use file:PATH, credential:NAME or env:VARIABLE where nobody is present"
    )]
    Prompt {
        /// What the terminal said.
        #[source]
        source: std::io::Error,
    },
    /// Typed differently the second time.
    #[error("the two passphrases differ: nothing was made, try again")]
    Differ,
    /// What came cannot be used.
    #[error("{from}: {source}")]
    Unusable {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        #[source]
        source: PassphraseError,
    },
}

/// Whether the passphrase opens something, or is chosen now (and typed twice).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// It opens what exists.
    Existing,
    /// It is chosen now.
    New,
}

/// What a person is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// The passphrase that opens this.
    Passphrase(&'a str),
    /// The passphrase that this gets.
    NewPassphrase(&'a str),
    /// The same, once more.
    Again(&'a str),
    /// The PIN of the token with this label.
    Pin(&'a str),
}

/// How questions are put; in English if nobody says otherwise.
static WORDS: OnceLock<fn(Question<'_>) -> String> = OnceLock::new();

/// Has this process put its questions in other words, such as those of the person's language. The first call counts.
pub fn ask_with(words: fn(Question<'_>) -> String) {
    let _ = WORDS.set(words);
}

fn english(question: Question<'_>) -> String {
    match question {
        Question::Passphrase(what) => format!("Passphrase of {what}: "),
        Question::NewPassphrase(what) => format!("New passphrase of {what}: "),
        Question::Again(what) => format!("New passphrase of {what}, again: "),
        Question::Pin(token) => format!("PIN of the token {token}: "),
    }
}

/// Puts a question to the person at the terminal.
fn put(question: Question<'_>) -> std::io::Result<String> {
    let words = WORDS.get().copied().unwrap_or(english);
    rpassword::prompt_password(words(question))
}

/// A source of a passphrase. Text form: `file:PATH`, `credential:NAME`, `env:VARIABLE`, `prompt`, `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// A file with mode 0600 or stricter; a line end at its end does not count.
    File(PathBuf),
    /// A systemd credential, `$CREDENTIALS_DIRECTORY/<name>` (systemd.exec(5)).
    Credential(String),
    /// An environment variable.
    Environment(String),
    /// A person at the terminal.
    Prompt,
    /// None: keys that need one are refused. There is no such thing as an unsealed key file.
    None,
}

/// What the outside gives; apart, so that tests need no environment and no terminal.
struct Surroundings<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    prompt: &'a dyn Fn(Question<'_>) -> std::io::Result<String>,
}

impl PassphraseSource {
    /// Gets the passphrase; `what` names the key for the person who is asked. Errors: [`SourceError`].
    pub fn obtain(&self, what: &str, asking: Asking) -> Result<Passphrase, SourceError> {
        self.obtain_from(what, asking, &Surroundings { variable: &|name| std::env::var_os(name), prompt: &put })
    }

    /// Gets the PIN of the token with the label `token`, which exists and is never chosen here. Errors: [`SourceError`].
    #[cfg(feature = "pkcs11")]
    pub(super) fn obtain_pin(&self, token: &str) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        let prompt = |_: Question<'_>| put(Question::Pin(token));
        let around = Surroundings { variable: &|name| std::env::var_os(name), prompt: &prompt };
        let pin = self.obtain_from(token, Asking::Existing, &around)?;
        Ok(Zeroizing::new(pin.bytes().to_vec()))
    }

    fn obtain_from(&self, what: &str, asking: Asking, around: &Surroundings<'_>) -> Result<Passphrase, SourceError> {
        let bytes = match self {
            Self::None => return Err(SourceError::None),
            Self::File(path) => files::read_secret(path, MAX_FILE)?,
            Self::Credential(name) => {
                let directory = (around.variable)("CREDENTIALS_DIRECTORY");
                let directory = directory.ok_or_else(|| SourceError::NoCredentials { name: name.clone() })?;
                // systemd guards that directory itself, and may show group bits that stand for an access list.
                files::read_public(&PathBuf::from(directory).join(name), MAX_FILE)?.into()
            }
            Self::Environment(name) => {
                let value = (around.variable)(name).ok_or_else(|| SourceError::NoVariable { name: name.clone() })?;
                Zeroizing::new(value.into_encoded_bytes())
            }
            Self::Prompt => prompt(what, asking, around)?,
        };
        Passphrase::from_line(bytes).map_err(|source| SourceError::Unusable { from: self.to_string(), source })
    }
}

fn prompt(what: &str, asking: Asking, around: &Surroundings<'_>) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let ask = |question: Question<'_>| match (around.prompt)(question) {
        Ok(typed) => Ok(Zeroizing::new(typed.into_bytes())),
        Err(source) => Err(SourceError::Prompt { source }),
    };
    if asking == Asking::Existing {
        return ask(Question::Passphrase(what));
    }
    let first = ask(Question::NewPassphrase(what))?;
    if ask(Question::Again(what))? == first { Ok(first) } else { Err(SourceError::Differ) }
}

impl fmt::Display for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "credential:{name}"),
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Prompt => f.write_str("prompt"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for PassphraseSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        // A credential is one file name, never a path out of its directory.
        let is_name = |name: &str| !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("credential", name)) if is_name(name) => Ok(Self::Credential(name.to_owned())),
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => {
                Ok(Self::Environment(name.to_owned()))
            }
            None if text == "prompt" => Ok(Self::Prompt),
            None if text == "none" => Ok(Self::None),
            _ => Err(SourceError::Form { got: text.chars().take(80).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::custody::KdfParameters;

    fn same(a: &Passphrase, b: &str) -> bool {
        let cheap = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };
        let b = Passphrase::new(b).unwrap();
        a.derive(cheap, [1; 16]).unwrap().key == b.derive(cheap, [1; 16]).unwrap().key
    }

    fn from(
        source: &str,
        variables: &[(&str, &str)],
        typed: &[&str],
        asking: Asking,
    ) -> Result<Passphrase, SourceError> {
        let typed = RefCell::new(typed.to_vec());
        let around = Surroundings {
            variable: &|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)),
            prompt: &|_| {
                let mut typed = typed.borrow_mut();
                if typed.is_empty() {
                    Err(std::io::Error::other("no terminal"))
                } else {
                    Ok(typed.remove(0).to_owned())
                }
            },
        };
        source.parse::<PassphraseSource>().unwrap().obtain_from("the test's key", asking, &around)
    }

    #[test]
    fn each_source_gives_its_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "from file\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let file = format!("file:{}", path.display());
        let credentials = [("CREDENTIALS_DIRECTORY", dir.path().to_str().unwrap()), ("PASS", "from env")];
        assert!(same(&from(&file, &[], &[], Asking::Existing).unwrap(), "from file"));
        assert!(same(&from("credential:secret", &credentials, &[], Asking::Existing).unwrap(), "from file"));
        assert!(same(&from("env:PASS", &credentials, &[], Asking::Existing).unwrap(), "from env"));
        assert!(same(&from("prompt", &[], &["typed"], Asking::Existing).unwrap(), "typed"));
        assert!(same(&from("prompt", &[], &["typed", "typed"], Asking::New).unwrap(), "typed"));
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let file = format!("file:{}", path.display());
        let missing = format!("file:{}", dir.path().join("missing").display());
        for (source, typed, asking, wanted) in [
            (file.as_str(), &[][..], Asking::Existing, "chmod 600"),
            (missing.as_str(), &[], Asking::Existing, "missing"),
            ("credential:x", &[], Asking::Existing, "LoadCredentialEncrypted"),
            ("env:NOT_THERE", &[], Asking::Existing, "NOT_THERE"),
            ("prompt", &[], Asking::Existing, "no terminal"),
            ("prompt", &["one", "two"], Asking::New, "differ"),
            ("prompt", &[""], Asking::Existing, "empty"),
            ("none", &[], Asking::Existing, "no source"),
        ] {
            let message = from(source, &[], typed, asking).unwrap_err().to_string();
            assert!(message.contains(wanted), "{source}: {message}");
        }
    }

    #[test]
    fn a_person_is_asked_as_the_process_asks() {
        let asked = RefCell::new(Vec::new());
        let prompt = |question: Question<'_>| {
            asked.borrow_mut().push(english(question));
            Ok("typed".to_owned())
        };
        let around = Surroundings { variable: &|_| None, prompt: &prompt };
        PassphraseSource::Prompt.obtain_from("the key a", Asking::New, &around).unwrap();
        PassphraseSource::Prompt.obtain_from("the key a", Asking::Existing, &around).unwrap();
        let wanted =
            ["New passphrase of the key a: ", "New passphrase of the key a, again: ", "Passphrase of the key a: "];
        assert_eq!(*asked.borrow(), wanted);
        assert_eq!(english(Question::Pin("hsm")), "PIN of the token hsm: ");
    }

    #[test]
    fn the_text_form_is_strict() {
        for good in ["file:/a", "credential:a", "env:A", "prompt", "none"] {
            assert_eq!(good.parse::<PassphraseSource>().unwrap().to_string(), good);
        }
        for bad in
            ["", "file:", "credential:../a", "credential:..", "env:", "env:A=B", "prompt:", "hunter2", "unsealed"]
        {
            assert!(bad.parse::<PassphraseSource>().is_err(), "{bad}");
        }
    }
}

//! Names that people choose. All are DNS labels (RFC 1123) so that they can stand in SPIFFE ids and host names as they
//! are, and no two of them can look alike by case or by exotic letters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} {got:?} is not allowed: use 1 to {max} of the characters a-z, 0-9 and '-', beginning and ending with a letter or digit"
)]
pub struct NameError {
    /// What kind of name was wanted.
    pub what: &'static str,
    /// The text that was given, cut to 80 characters.
    pub got: String,
    /// The most characters that are allowed.
    pub max: usize,
}

fn check(what: &'static str, max: usize, text: &str) -> Result<(), NameError> {
    let alphabet = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let bytes = text.as_bytes();
    let fits = (1..=max).contains(&bytes.len())
        && bytes.iter().copied().all(alphabet)
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-');
    if fits { Ok(()) } else { Err(NameError { what, got: text.chars().take(80).collect(), max }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes `text` if it has the form of a name. Errors: [`NameError`].
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check($what, $max, &text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

name! {
    /// An organisation's name.
    OrgName, "the organisation's name", 40
}
name! {
    /// A site's name; with the federation's name it makes the site's trust domain.
    SiteName, "the site's name", 40
}
name! {
    /// A person's pseudonymous id; the person's name stays at the organisation (design 3.3).
    UserId, "the user's id", 40
}
name! {
    /// A catalogue entry's name.
    CatalogueName, "the catalogue entry's name", 63
}
name! {
    /// A policy's name.
    PolicyName, "the policy's name", 63
}
name! {
    /// A cluster's name, unique in the federation.
    ClusterName, "the cluster's name", 40
}
name! {
    /// A workload's name, unique in the federation; it is also the name of its namespace.
    WorkloadName, "the workload's name", 40
}
name! {
    /// The name of an evidence.
    EvidenceName, "the evidence's name", 63
}
name! {
    /// The name of an exception.
    ExceptionName, "the exception's name", 63
}
name! {
    /// A secret's name within its workload; the Kubernetes Secret that it becomes has this name.
    SecretName, "the secret's name", 63
}
name! {
    /// The name of a change, or of an incident.
    TicketName, "the ticket's name", 80
}

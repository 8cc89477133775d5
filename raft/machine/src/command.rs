//! The commands, each with its rules. Every one checks all it has to before it changes anything.

mod admission;
mod catalogue;
mod coordinators;
mod organisation;
mod site;
mod user;

#[cfg(test)]
mod quota_tests;

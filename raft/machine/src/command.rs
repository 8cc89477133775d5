//! The commands, each with its rules. Every one checks all it has to before it changes anything.

mod admission;
mod catalogue;
mod cluster;
mod consent;
mod coordinators;
mod copies;
mod directive;
mod evidence;
mod exception;
mod exclusion;
mod form;
mod incident;
mod lease;
mod maintenance;
mod manifest;
mod moves;
mod organisation;
mod planning;
mod rotation;
mod secret;
mod site;
mod ticket;
mod timings;
mod user;
mod verdict;
mod veto;
mod workload;
mod workload_form;

pub(crate) use planning::sound_plan;

#[cfg(test)]
mod quota_tests;

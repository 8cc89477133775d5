//! Organisations: the legal members of a federation.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Maintenance;
use crate::id::OrgName;

/// The roles that an organisation may hold (Rahmenwerk 4.3; several at once are usual).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrgRole {
    /// Orders and uses services.
    CloudServiceKunde,
    /// Arranges services for others.
    CloudServiceVermittler,
    /// Runs sites and clusters (a Cloud-Service-Anbieter).
    Plattformbetreiber,
    /// Runs Fachverfahren on them (a Cloud-Service-Anbieter).
    Softwarebetreiber,
    /// Brings services together (a Cloud-Service-Anbieter).
    CloudIntegrator,
    /// Uses the Cloud-Service-Portal.
    PortalNutzende,
    /// Steers the federation.
    Koordinierungsstelle,
    /// Supplies software.
    Softwarelieferant,
    /// Decides on exceptions.
    Architekturboard,
}

/// Whether a member may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// In good standing.
    Active,
    /// Suspended by a coordinator: still a member, its people change nothing until it is resumed.
    Suspended,
    /// Excluded by a directive: a member no more, for ever.
    Excluded,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Organisation {
    /// Its name.
    pub name: OrgName,
    /// Its name as people write it.
    pub display_name: String,
    /// Its roles.
    pub roles: BTreeSet<OrgRole>,
    /// The organisation whose administrator created it, if any.
    pub parent: Option<OrgName>,
    /// When its workloads may be moved as planned.
    #[serde(default)]
    pub maintenance: Maintenance,
    /// Whether it may act.
    pub standing: Standing,
}

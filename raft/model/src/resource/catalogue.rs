//! Catalogue entries and policies.

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{CatalogueName, OrgName, PolicyName};

/// An entry of the Servicekatalog: for now a document with a schema version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CatalogueEntry {
    /// Its name, unique in the federation.
    pub name: CatalogueName,
    /// The organisation that offers it.
    pub organisation: OrgName,
    /// Version of the schema that the document follows.
    pub schema_version: u32,
    /// The offer.
    pub document: Document,
}

/// A policy of the federation, set by m coordinators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// What it says.
    pub document: Document,
}

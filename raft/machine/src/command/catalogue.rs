//! The Servicekatalog.

use verbund_model::resource::CatalogueEntry;
use verbund_model::{Accepted, CatalogueName, Document, OrgName};

use crate::act::{Act, Decision, conflict, within};
use crate::limits::{MAX_CATALOGUE_ENTRIES, MAX_DOCUMENT};

impl Act<'_> {
    pub(crate) fn apply_catalogue_entry(
        &mut self,
        name: &CatalogueName,
        organisation: &OrgName,
        schema_version: u32,
        document: &Document,
    ) -> Decision {
        within("the document", document.len() as u64, MAX_DOCUMENT)?;
        let entry = CatalogueEntry {
            name: name.clone(),
            organisation: organisation.clone(),
            schema_version,
            document: document.clone(),
        };
        match self.state.find::<CatalogueEntry>(name) {
            Some(old) if old.value == entry => return Ok(Accepted::Unchanged { version: old.version }),
            Some(old) if old.value.organisation != *organisation => {
                let owner = &old.value.organisation;
                return Err(conflict(format!("catalogue entry {name} belongs to organisation {owner}")));
            }
            Some(_) => {}
            None => {
                let count = self.state.index.counts_of(organisation).catalogue_entries;
                within("the organisation's number of catalogue entries", count + 1, MAX_CATALOGUE_ENTRIES)?;
            }
        }
        self.put(entry);
        Ok(self.changed())
    }

    pub(crate) fn delete_catalogue_entry(&mut self, name: &CatalogueName) -> Decision {
        self.existing::<CatalogueEntry>(name)?;
        self.delete::<CatalogueEntry>(name);
        Ok(self.changed())
    }
}

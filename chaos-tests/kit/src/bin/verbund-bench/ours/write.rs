//! Writers that sign each write by itself.

use std::sync::Arc;

use anyhow::Result;
use verbund_kit::Author;

use super::lanes::{Lane, check, command};
use crate::load::Operation;

/// One client.
pub struct Single {
    /// Where it writes.
    pub lane: Arc<Lane>,
    /// Who signs; all clients are threads of one author.
    pub author: Author,
    /// Its number.
    pub client: usize,
    /// How many there are.
    pub clients: usize,
}

impl Operation for Single {
    async fn run(&mut self, number: u64) -> Result<()> {
        let command = command(self.client, self.clients, number)?;
        let statement = self.author.statement(self.lane.session.take(), None, command);
        let envelope = self.author.sign(&statement)?;
        check(self.lane.stream.submit(&envelope).await?)
    }
}

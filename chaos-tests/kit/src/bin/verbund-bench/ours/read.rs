//! Linearizable reads of catalogue entries.

use anyhow::{Result, ensure};
use http::StatusCode;
use verbund_kit::api::Connection;

use crate::load::Operation;
use crate::workload;

/// One client.
pub struct Get {
    /// Its connection, shared with others.
    pub connection: Connection,
    /// Its number.
    pub client: usize,
    /// How many there are.
    pub clients: usize,
}

impl Operation for Get {
    async fn run(&mut self, number: u64) -> Result<()> {
        let name = workload::stored_key(self.client, self.clients, number);
        let answer = self.connection.get(&format!("/v1/catalogue/{name}")).await?;
        let text = || String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == StatusCode::OK, "{name}: {}: {}", answer.status, text());
        ensure!(answer.headers.get("verbund-consistency").is_some_and(|v| v == "linearizable"), "not linearizable");
        ensure!(answer.body.len() > workload::VALUE, "{name}: {}", text());
        Ok(())
    }
}

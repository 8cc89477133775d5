//! Loopback ports for processes that are killed and come back.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// First of the ports that are given out. All lie below Linux' ephemeral range (32768 and above), so that no outgoing
/// connection takes a port while its process is down.
const FIRST: u32 = 10_000;
/// How many there are.
const COUNT: u32 = 22_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Gives out loopback ports, each once in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports;

impl Ports {
    /// A port that nobody listens at. Two test processes begin at different places. Errors: none is left.
    pub fn free() -> Result<u16> {
        let offset = std::process::id().wrapping_mul(97);
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = u16::try_from(FIRST + offset.wrapping_add(step) % COUNT)?;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        bail!("no loopback port between {FIRST} and {} is free", FIRST + COUNT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_twice_and_none_in_use() {
        let ports: Vec<u16> = (0..50).map(|_| Ports::free().unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), ports.len());
        for port in ports {
            assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        }
    }
}

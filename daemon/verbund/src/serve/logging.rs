//! The daemon's log: text or JSON, to standard error, where systemd and containers take it from.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::config::{Log, LogFormat};

/// Sets the log up. A second call changes nothing.
pub fn init(log: Log) {
    let level = LevelFilter::from_level(log.level.filter());
    // Our own words at the level wanted; those of libraries only if they warn, or if everything is wanted.
    let libraries = if log.level.filter() == tracing::Level::TRACE { level } else { level.min(LevelFilter::WARN) };
    let ours = [
        "verbund",
        "verbund_agent",
        "verbund_agent_kube",
        "verbund_agent_link",
        "verbund_api",
        "verbund_control",
        "verbund_keys",
        "verbund_machine",
        "verbund_node",
        "verbund_store",
        "verbund_tls",
    ];
    // openraft warns at each heartbeat of an absent peer, several times a second; what matters of it is in the status.
    let raft = if level > LevelFilter::INFO { level } else { level.min(LevelFilter::ERROR) };
    let targets = Targets::new()
        .with_default(libraries)
        .with_target("openraft", raft)
        .with_targets(ours.map(|name| (name, level)));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    let set = match log.format {
        LogFormat::Text => registry.with(layer.with_ansi(false).with_filter(targets)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true).with_filter(targets)).try_init(),
    };
    // Somebody else's subscriber is kept.
    drop(set);
}

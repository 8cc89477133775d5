//! Network namespaces, the bridge between them, and what is lost on it.
//!
//! Addresses of testbed `s`, space `n`: the bridge `10.(160+s).0.0/24` with the machine at `.1` and the space at `.(10+n)`,
//! its pods in `10.(160+s).n.0/24`, its Services in `10.(160+s).(100+n).0/24`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::{run, run_with};
use crate::state::State;

/// More spaces than these would run out of numbers.
pub(crate) const SPACES: u8 = 90;

/// Name of the bridge of a testbed, and the start of all its names.
pub(crate) fn bridge(slot: u8) -> String {
    format!("vtb{slot}")
}

/// Name of the network namespace of a space.
pub(crate) fn namespace(slot: u8, space: &str) -> String {
    format!("{}-{space}", bridge(slot))
}

/// The file by which the namespace is entered.
pub(crate) fn namespace_file(slot: u8, space: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(namespace(slot, space))
}

/// The machine's own address on the bridge.
pub(crate) fn host(slot: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 160 + slot, 0, 1)
}

/// The address of a space on the bridge.
pub(crate) fn address(slot: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 160 + slot, 0, 10 + number)
}

/// The network of the pods of a space.
pub(crate) fn pods(slot: u8, number: u8) -> String {
    format!("10.{}.{number}.0/24", 160 + slot)
}

/// The network of the Services of a space.
pub(crate) fn services(slot: u8, number: u8) -> String {
    format!("10.{}.{}.0/24", 160 + slot, 100 + number)
}

/// The first address of the Services, that of the API server.
pub(crate) fn first_service(slot: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 160 + slot, 100 + number, 1)
}

/// Whether somebody else on this machine has the network of this slot.
pub(crate) fn is_taken(slot: u8) -> Result<bool> {
    let routes = ip(&format!("-4 route show root 10.{}.0.0/16", 160 + slot))?;
    let links = ip("-brief link show")?;
    Ok(!routes.trim().is_empty() || links.lines().any(|line| line.split([' ', '@']).next() == Some(&bridge(slot))))
}

/// Makes the bridge.
pub(crate) fn create_bridge(slot: u8) -> Result<()> {
    let bridge = bridge(slot);
    ip(&format!("link add {bridge} type bridge")).context("making the bridge between the sites")?;
    ip(&format!("addr add {}/24 dev {bridge}", host(slot)))?;
    ip(&format!("link set {bridge} up"))?;
    Ok(())
}

/// Makes the namespace of a space and connects it with the bridge. The rules for pods are there also if none come.
pub(crate) fn create_space(slot: u8, name: &str, number: u8) -> Result<()> {
    let (bridge, namespace) = (bridge(slot), namespace(slot, name));
    ip(&format!("netns add {namespace}")).with_context(|| format!("making the network namespace of {name}"))?;
    ip(&format!("link add {bridge}-{number} type veth peer name eth0 netns {namespace}"))?;
    ip(&format!("link set {bridge}-{number} master {bridge} up"))?;
    ip(&format!("-n {namespace} addr add {}/24 dev eth0", address(slot, number)))?;
    ip(&format!("-n {namespace} link set eth0 up"))?;
    ip(&format!("-n {namespace} link set lo up"))?;
    ip(&format!("-n {namespace} route add default via {}", host(slot)))?;
    // The files below /proc/sys/net are those of the namespace of whoever opens them.
    run(inside(slot, name).args(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))?;
    run_with(inside(slot, name).args(["nft", "-f", "-"]), &pod_rules(slot, number))
        .context("making the rules for pods")?;
    Ok(())
}

/// Pods speak with the address of their site. The one Service that programs in pods look for by themselves, that of the API
/// server, is led there; no kube-proxy runs, so other Services have an address but nobody answers.
fn pod_rules(slot: u8, number: u8) -> String {
    let (pods, service, address) = (pods(slot, number), first_service(slot, number), address(slot, number));
    let lead = format!("ip daddr {service} tcp dport 443 dnat to {address}:6443");
    format!(
        "table ip pods {{
 chain leaving {{
  type nat hook postrouting priority srcnat
  ip saddr {pods} oifname \"eth0\" masquerade
 }}
 chain arriving {{
  type nat hook prerouting priority dstnat
  {lead}
 }}
 chain local {{
  type nat hook output priority -100
  {lead}
 }}
}}
"
    )
}

/// A command that runs inside a space; program and arguments are to be added. Not `ip netns exec`, which mounts a new
/// `/sys` and so hides the control groups.
pub(crate) fn inside(slot: u8, space: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", namespace_file(slot, space).display())).arg("--");
    command
}

/// Puts the losses that the state names in force, all at once.
pub(crate) fn apply_losses(state: &State) -> Result<()> {
    let table = format!("bridge {}", bridge(state.slot));
    // Naming the table first makes the deletion valid also the first time; nft applies the whole file or nothing.
    let rules = format!("table {table}\ndelete table {table}\ntable {table} {{\n{}}}\n", losses(state));
    run_with(Command::new("nft").args(["-f", "-"]), &rules).context("changing the links between sites")?;
    Ok(())
}

fn losses(state: &State) -> String {
    let at = |name: &String| state.spaces.get(name).map(|space| address(state.slot, space.number));
    let mut rules = String::from(" chain links {\n  type filter hook forward priority 0\n");
    for address in state.cut_off.iter().filter_map(at) {
        rules += &format!("  ip saddr {address} drop\n  ip daddr {address} drop\n");
    }
    for loss in &state.losses {
        let (Some(from), Some(to)) = (at(&loss.from), at(&loss.to)) else { continue };
        let chance =
            if loss.permille >= 1000 { String::new() } else { format!("numgen random mod 1000 < {} ", loss.permille) };
        rules += &format!("  ip saddr {from} ip daddr {to} {chance}drop\n");
    }
    rules + " }\n"
}

/// Removes bridge, namespaces and rules, as far as they are there.
pub(crate) fn remove(state: &State) -> Result<()> {
    let bridge = bridge(state.slot);
    for (name, space) in &state.spaces {
        let namespace = namespace(state.slot, name);
        if namespace_file(state.slot, name).exists() {
            ip(&format!("netns del {namespace}"))?;
        }
        // The namespace takes its end of the pair along, but a little later.
        let _ = ip(&format!("link del {bridge}-{}", space.number));
    }
    if ip("-brief link show")?.lines().any(|line| line.split([' ', '@']).next() == Some(&bridge)) {
        ip(&format!("link del {bridge}"))?;
    }
    let table = format!("bridge {bridge}");
    run_with(Command::new("nft").args(["-f", "-"]), &format!("table {table}\ndelete table {table}\n"))?;
    Ok(())
}

fn ip(arguments: &str) -> Result<String> {
    run(Command::new("ip").args(arguments.split_whitespace()))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::state::{Loss, SpaceState};

    #[test]
    fn losses_become_rules_in_one_direction_and_cuts_in_both() {
        let space = |number| SpaceState { number, ..SpaceState::default() };
        let state = State {
            slot: 3,
            directory: "/nowhere".into(),
            owner: None,
            spaces: BTreeMap::from([("a".into(), space(1)), ("b".into(), space(2)), ("c".into(), space(3))]),
            losses: vec![
                Loss { from: "a".into(), to: "b".into(), permille: 200 },
                Loss { from: "b".into(), to: "a".into(), permille: 1000 },
            ],
            cut_off: BTreeSet::from(["c".into()]),
            settings: BTreeMap::new(),
        };
        let rules = losses(&state);
        assert!(
            rules.contains("ip saddr 10.163.0.11 ip daddr 10.163.0.12 numgen random mod 1000 < 200 drop"),
            "{rules}"
        );
        assert!(rules.contains("ip saddr 10.163.0.12 ip daddr 10.163.0.11 drop"), "{rules}");
        assert!(rules.contains("ip saddr 10.163.0.13 drop") && rules.contains("ip daddr 10.163.0.13 drop"), "{rules}");
    }
}

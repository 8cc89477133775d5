//! What is said on the terminal.

use std::path::Path;

use anyhow::Result;
use verbund_testbed::{Component, Testbed};

/// The sites and how to use them.
pub(crate) fn sites(testbed: &Testbed) {
    for site in testbed.started() {
        println!("{:<8} {:<14} KUBECONFIG={}", site.name(), site.address(), site.kubeconfig().display());
    }
}

/// What can be done with them.
pub(crate) fn hints(directory: &Path, testbed: &Testbed) {
    let own = std::env::current_exe().map_or_else(|_| "verbund-testbed".into(), |path| path.display().to_string());
    let sites = testbed.started();
    let [a, rest @ ..] = sites.as_slice() else { return };
    println!("\nkubectl       {}", a.program("kubectl").display());
    println!("a shell       {own} --directory {} shell {}", directory.display(), a.name());
    if let [b, ..] = rest {
        println!("cut, heal     {own} --directory {} cut {} {}   (and: heal)", directory.display(), a.name(), b.name());
    }
    println!("stop them     {own} --directory {} down", directory.display());
}

/// What of it runs.
pub(crate) fn status(directory: &Path) -> Result<()> {
    let directories = Testbed::directories()?;
    if directories.is_empty() {
        println!("no testbed is up");
        return Ok(());
    }
    for other in directories {
        let own = if directory.canonicalize().ok().as_ref() == Some(&other) { "" } else { " (another directory)" };
        println!("{}{own}", other.display());
        let testbed = Testbed::attach(&other)?;
        sites(&testbed);
        for site in testbed.started() {
            let dead: Vec<_> = Component::ALL.into_iter().filter(|component| !site.is_alive(*component)).collect();
            let processes = site.processes()?.len();
            let dead = dead.iter().map(|component| component.name()).collect::<Vec<_>>().join(", ");
            let dead = if dead.is_empty() { "none".to_owned() } else { dead };
            println!("{:<8} {processes} processes; components that do not run: {dead}", site.name());
        }
        for line in testbed.faults() {
            println!("{line}");
        }
    }
    Ok(())
}

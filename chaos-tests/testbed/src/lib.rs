//! Whole sites on one machine: each in a network namespace of its own, with a real Kubernetes cluster of one node (etcd,
//! kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, containerd, runc) in which containers really run, and
//! with links to the others that can be cut, delayed, or lose packets in one direction.
//!
//! ```no_run
//! # use std::{path::Path, process::Command, time::Duration};
//! # use verbund_testbed::{Component, Image, ImageFile, Testbed};
//! # async fn example() -> anyhow::Result<()> {
//! let testbed = Testbed::new(Path::new("/tmp/example")).await?;
//! let sites = testbed.sites(&["mitte", "nord"]).await?;
//! let daemon = sites[0].spawn("daemon", Command::new("verbund").arg("serve"))?; // inside the site's namespace
//! sites[1].load(&Image::busybox()?).await?;
//! sites[1].kubectl(&["get", "nodes"]).await?;
//! testbed.cut("mitte", "nord")?;
//! sites[1].kill(Component::ApiServer)?;
//! testbed.heal()?;
//! drop(daemon);
//! testbed.stop().await?; // nothing of it is left: no process, mount, namespace or group
//! # Ok(())
//! # }
//! ```
//!
//! **The machine itself is out of band.** It has an address on the bridge between the sites ([`Testbed::host`]), and no cut
//! concerns it: a test that runs there reaches every site's API server, and a recorder that listens there hears from
//! containers whose site is cut off from all others.
//!
//! **Nothing outlives its testbed.** Every process of a site, also of its containers, is in the site's control group; what
//! was made is written down in `/run/verbund-testbed`; [`Testbed::stop`], the end of the value, and the next
//! [`Testbed::new`] after a crash remove it.
//!
//! It needs root, Linux with nftables, and what `.ci/kubernetes` installs and builds.
//!
//! What must never be in here: knowledge of Verbund. What a daemon, an agent or a workload is, the tests know.

mod binaries;
mod cgroup;
mod cluster;
mod command;
mod delay;
mod image;
mod network;
mod process;
mod root;
mod site;
mod space;
mod state;
mod teardown;
mod testbed;
mod wait;

pub use cluster::Component;
pub use image::{Image, ImageFile};
pub use process::{Process, ProcessId, Signal, tail};
pub use root::may_run;
pub use site::Site;
pub use space::Space;
pub use testbed::{Remains, Testbed};
pub use wait::{PATIENCE, until};

//! The `helm` program: found, and run with bounds. A chart is a program that somebody else wrote.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::t;

/// Names the program where it is not on the path.
const PROGRAM: &str = "VERBUND_HELM";
/// For how many seconds one run may go on, if not [`SECONDS`].
const LIMIT: &str = "VERBUND_HELM_SECONDS";
/// For how long one run may go on.
const SECONDS: u64 = 60;
/// Bytes of what is rendered: more than any workload may have.
const MAX_OUTPUT: u64 = 8 << 20;
/// Bytes of what it complains about that are shown.
const MAX_COMPLAINT: u64 = 4 << 10;
/// KiB of memory.
const MAX_MEMORY: u64 = 4 << 20;
/// Nobody listens there: whatever a chart wants from the network is refused at once.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The program.
pub struct Helm {
    program: PathBuf,
}

impl Helm {
    /// Finds it. Errors: it is nowhere; the message says how to get it.
    pub fn find() -> Result<Self, String> {
        let found = if let Some(named) = std::env::var_os(PROGRAM).map(PathBuf::from) {
            if named.is_file() { Ok(named) } else { Err(t!("chart-no-such-helm", found = named.display().to_string())) }
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut all = std::env::split_paths(&path).map(|directory| directory.join("helm"));
            all.find(|file| file.is_file()).ok_or_else(|| t!("chart-no-helm"))
        };
        // It is run in another directory.
        let program = std::path::absolute(found?).map_err(|error| t!("chart-helm", reason = error.to_string()))?;
        Ok(Self { program })
    }

    /// What it prints. It sees no settings, no plugins, no cluster and no network, has a bound of memory and time, and what it
    /// prints has one, too. Errors: what it complained about, or which bound it broke.
    pub fn run(&self, home: &Path, arguments: &[&OsStr]) -> Result<String, String> {
        let failed = |error: &dyn std::fmt::Display| t!("chart-helm", reason = error.to_string());
        let seconds = std::env::var(LIMIT).ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -v {MAX_MEMORY} && exec \"$0\" \"$@\"")]).arg(&self.program);
        command.args(arguments).env_clear().current_dir(home);
        for name in ["HOME", "TMPDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS"] {
            command.env(name, home);
        }
        for name in ["HTTP_PROXY", "HTTPS_PROXY"] {
            command.env(name, NOWHERE);
        }
        command.env("KUBECONFIG", "/dev/null").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let out = read(child.stdout.take(), MAX_OUTPUT + 1, false);
        let complaint = read(child.stderr.take(), MAX_COMPLAINT, true);
        let end = Instant::now() + Duration::from_secs(seconds);
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| failed(&error))? {
                break status;
            }
            if Instant::now() >= end {
                // It may have ended by itself in between: then there is nothing to kill.
                let _ = child.kill();
                child.wait().map_err(|error| failed(&error))?;
                return Err(t!("chart-slow", seconds = seconds));
            }
            thread::sleep(Duration::from_millis(10));
        };
        let (out, complaint) = (joined(out), joined(complaint));
        if out.len() as u64 > MAX_OUTPUT {
            return Err(t!("chart-output", most = MAX_OUTPUT >> 20));
        }
        if !status.success() {
            let text = String::from_utf8_lossy(&complaint);
            let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
            return Err(t!("chart-helm", reason = text.trim()));
        }
        String::from_utf8(out).map_err(|error| failed(&error))
    }
}

/// Reads so much of a pipe. What comes after it is read and forgotten (`drain`), or ends whoever writes it.
fn read(pipe: Option<impl Read + Send + 'static>, most: u64, drain: bool) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let Some(mut pipe) = pipe else { return bytes };
        // A pipe that breaks has said what it had to say: how the program ended tells the rest.
        let _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
        if drain {
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        bytes
    })
}

fn joined(reader: JoinHandle<Vec<u8>>) -> Vec<u8> {
    reader.join().unwrap_or_default()
}

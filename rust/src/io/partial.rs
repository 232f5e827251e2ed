//! Half-written files and folders: their names tell which process writes them, so that others can
//! remove what processes that were killed left behind.
//!
//! A name is `.partial-HOST-PROCESS-RANDOM`.

use std::fs;
use std::path::Path;
use std::process;

use sha2::{Digest, Sha256};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

const PREFIX: &str = ".partial-";

/// What the name of everything begins with that this process has not finished writing.
pub(crate) fn partial_prefix() -> String {
    format!("{PREFIX}{}-{}-", host(), process::id())
}

/// Removes from a folder what processes of this machine that are gone left half-written.
///
/// What cannot be read or removed stays.
pub(crate) fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(writer) = name.to_str().and_then(writer) else { continue };
        if is_running(writer) {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // Fails if another process removes it at the same time.
        let _ = if is_folder {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
    }
}

/// The process of this machine that a name of something half-written tells.
fn writer(name: &str) -> Option<u32> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let (machine, writer, random) = (parts.next()?, parts.next()?, parts.next()?);
    let is_ours = parts.next().is_none() && !random.is_empty() && machine == host();
    writer.parse().ok().filter(|_| is_ours)
}

/// Identifies what numbers processes: this machine, or a container on it.
fn host() -> String {
    let name = System::host_name().unwrap_or_default();
    let numbers = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let known = format!("{name} {}", numbers.display());
    Sha256::digest(known.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn is_running(writer: u32) -> bool {
    let pid = Pid::from_u32(writer);
    let mut system = System::new();
    let processes = ProcessesToUpdate::Some(&[pid]);
    system.refresh_processes_specifics(processes, true, ProcessRefreshKind::nothing());
    writer == process::id() || system.process(pid).is_some()
}

//! How much memory this process may still use, and allocations that can fail.

use bytemuck::Zeroable;

use crate::{Error, Result};

/// Bytes of memory that this process can still use: what the machine has left, within the limits
/// of the control groups above the process and of the process itself.
pub fn available_memory() -> u64 {
    #[cfg(target_os = "linux")]
    let available = linux::available(std::path::Path::new("/"), &linux::process_limits());
    #[cfg(not(target_os = "linux"))]
    let available = elsewhere();
    available
}

#[cfg(not(target_os = "linux"))]
fn elsewhere() -> u64 {
    use sysinfo::{MemoryRefreshKind, RefreshKind, System};
    let memory = MemoryRefreshKind::nothing().with_ram();
    System::new_with_specifics(RefreshKind::nothing().with_memory(memory)).available_memory()
}

/// Returns [`Error::InvalidArgument`] if the process can use less than `bytes`, which are for `what`.
pub fn check_memory(bytes: u64, what: &str) -> Result<()> {
    let available = available_memory();
    if bytes <= available {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "{what} of {} MiB is more than the {} MiB of memory that this process can use: choose less",
        bytes.div_ceil(1 << 20),
        available >> 20
    )))
}

/// `len` zeros; [`Error::InvalidArgument`] if there is no memory for them.
///
/// The system provides zeroed pages when they are first used.
pub(crate) fn zeros<T: Zeroable>(len: usize) -> Result<Vec<T>> {
    bytemuck::allocation::try_zeroed_vec(len).map_err(|()| {
        Error::InvalidArgument(format!(
            "a table of {} MiB does not fit into memory: choose a smaller one",
            (len as u64).saturating_mul(size_of::<T>() as u64) >> 20
        ))
    })
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::{Component, Path, PathBuf};

    /// The files of a memory control group.
    struct Controller {
        limit: &'static str,
        usage: &'static str,
        /// Entries of `memory.stat` that can be dropped: files in the page cache.
        caches: [&'static str; 2],
    }

    const V1: Controller = Controller {
        limit: "memory.limit_in_bytes",
        usage: "memory.usage_in_bytes",
        caches: ["total_inactive_file", "total_active_file"],
    };

    const V2: Controller = Controller {
        limit: "memory.max",
        usage: "memory.current",
        caches: ["inactive_file", "active_file"],
    };

    /// A limit of the process, and the line of `/proc/self/status` that it limits.
    pub(super) struct ProcessLimit {
        line: &'static str,
        bytes: u64,
    }

    /// The limits of this process on its memory, which `ulimit -v` and `ulimit -d` set.
    pub(super) fn process_limits() -> Vec<ProcessLimit> {
        let kinds = [(libc::RLIMIT_AS, "VmSize:"), (libc::RLIMIT_DATA, "VmData:")];
        let limit = |(kind, line)| {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: the function writes to a valid structure.
            let known = unsafe { libc::getrlimit(kind, &raw mut limit) } == 0;
            let bytes = limit.rlim_cur;
            (known && bytes != libc::RLIM_INFINITY).then_some(ProcessLimit { line, bytes })
        };
        kinds.into_iter().filter_map(limit).collect()
    }

    /// Bytes that a process can still use, by the files under `root`.
    pub(super) fn available(root: &Path, limits: &[ProcessLimit]) -> u64 {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let machine = kilobytes(&read("proc/meminfo"), "MemAvailable:").unwrap_or(u64::MAX);
        let status = read("proc/self/status");
        let process = limits.iter().map(|limit| {
            limit.bytes.saturating_sub(kilobytes(&status, limit.line).unwrap_or_default())
        });
        let groups = read("proc/self/cgroup");
        let groups = groups.lines().filter_map(|line| in_groups(root, line));
        process.chain(groups).fold(machine, u64::min)
    }

    /// The number of kilobytes in the line that begins with `name`, in bytes.
    fn kilobytes(text: &str, name: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
    }

    /// Bytes left in a group and those above it, by a line of `/proc/self/cgroup`:
    /// `0::PATH`, or `NUMBER:CONTROLLERS:PATH` in version 1.
    fn in_groups(root: &Path, line: &str) -> Option<u64> {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (folder, controller) = if controllers.is_empty() {
            ("sys/fs/cgroup", V2)
        } else if controllers.split(',').any(|name| name == "memory") {
            ("sys/fs/cgroup/memory", V1)
        } else {
            return None;
        };
        // In a container the path may be that on the host, while the folder is the container's;
        // then the first group that exists is the folder itself.
        let names =
            Path::new(path).components().filter(|part| matches!(part, Component::Normal(_)));
        let mut group: PathBuf = root.join(folder);
        let mut least = left(&group, &controller);
        for name in names {
            group.push(name);
            least = least.into_iter().chain(left(&group, &controller)).min();
        }
        least
    }

    /// Bytes left in one group; None without a limit.
    fn left(group: &Path, controller: &Controller) -> Option<u64> {
        let read = |name: &str| fs::read_to_string(group.join(name)).ok();
        let number = |text: String| text.trim().parse::<u64>().ok();
        let limit = number(read(controller.limit)?)?;
        let used = read(controller.usage).and_then(number).unwrap_or_default();
        let statistics = read("memory.stat").unwrap_or_default();
        let cached = |name: &str| {
            let line =
                statistics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|bytes| bytes.trim().parse::<u64>().ok()).unwrap_or_default()
        };
        let caches = controller.caches.iter().map(|name| cached(name)).fold(0, u64::saturating_add);
        Some(limit.saturating_sub(used.saturating_sub(caches)))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const MIB: u64 = 1 << 20;

        /// A folder with these files, and 1000 MiB available on the machine.
        fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
            let root = tempfile::tempdir().unwrap();
            let machine = [("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    1024000 kB\n")];
            for (path, text) in machine.iter().chain(files) {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            root
        }

        fn available_mib(files: &[(&str, &str)], limits: &[ProcessLimit]) -> u64 {
            available(root(files).path(), limits) / MIB
        }

        #[test]
        fn without_limits_the_machine_decides() {
            assert_eq!(available_mib(&[], &[]), 1000);
            let files = [
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/memory.max", "10737418240\n"),
            ];
            assert_eq!(available_mib(&files, &[]), 1000);
        }

        #[test]
        fn every_group_above_the_process_counts_and_caches_do_not() {
            // 600 MiB of 900 are in use, 200 of them as caches; 300 of 500 in the group below.
            let files = [
                ("proc/self/cgroup", "0::/job/step\n"),
                ("sys/fs/cgroup/job/memory.max", "943718400\n"),
                ("sys/fs/cgroup/job/memory.current", "629145600\n"),
                (
                    "sys/fs/cgroup/job/memory.stat",
                    "anon 419430400\nfile 209715200\ninactive_file 104857600\nactive_file 104857600\n",
                ),
                ("sys/fs/cgroup/job/step/memory.max", "524288000\n"),
                ("sys/fs/cgroup/job/step/memory.current", "314572800\n"),
            ];
            assert_eq!(available_mib(&files, &[]), 200);
            assert_eq!(available_mib(&files[..4], &[]), 500);
        }

        #[test]
        fn groups_of_version_1_count() {
            let files = [
                ("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/docker/abc/step\n0::/x\n"),
                ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "314572800\n"),
                ("sys/fs/cgroup/memory/docker/memory.usage_in_bytes", "209715200\n"),
                (
                    "sys/fs/cgroup/memory/docker/memory.stat",
                    "inactive_file 1\ntotal_inactive_file 52428800\ntotal_active_file 0\n",
                ),
                ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n"),
            ];
            assert_eq!(available_mib(&files, &[]), 150);
            // In a container, which sees its own group as the root.
            let files = [
                ("proc/self/cgroup", "4:memory:/docker/abc\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n"),
            ];
            assert_eq!(available_mib(&files, &[]), 100);
        }

        #[test]
        fn groups_outside_the_root_are_not_read() {
            let files = [
                ("proc/self/cgroup", "0::/../../proc\n"),
                ("sys/fs/cgroup/proc/memory.max", "104857600\n"),
                ("proc/memory.max", "1\n"),
            ];
            assert_eq!(available_mib(&files, &[]), 100);
        }

        #[test]
        fn limits_of_the_process_count() {
            let files = [("proc/self/status", "Name: x\nVmSize:\t  102400 kB\nVmData: 10240 kB\n")];
            let limit = |line, mib| ProcessLimit { line, bytes: mib * MIB };
            assert_eq!(available_mib(&files, &[limit("VmSize:", 300)]), 200);
            assert_eq!(available_mib(&files, &[limit("VmSize:", 300), limit("VmData:", 50)]), 40);
            assert_eq!(available_mib(&files, &[limit("VmSize:", 50)]), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_has_is_refused() {
        check_memory(1, "a budget").unwrap();
        let text = check_memory(u64::MAX, "a budget").unwrap_err().to_string();
        assert!(text.starts_with("a budget of 17592186044416 MiB is more than the "), "{text}");
        assert_eq!(zeros::<u16>(3).unwrap(), [0; 3]);
        let text = zeros::<u64>(1 << 58).unwrap_err().to_string();
        assert!(text.starts_with("a table of 2199023255552 MiB does not fit"), "{text}");
    }
}

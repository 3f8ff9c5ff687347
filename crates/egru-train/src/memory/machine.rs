//! The memory that a process may use, where the system tells it in files.

use std::path::{Path, PathBuf};

/// Bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// All that there is for this process, with what can be swapped out.
    pub(super) total: u64,
    /// What is free, or can be made free at once.
    pub(super) free: u64,
}

impl Memory {
    /// The memory of this machine, or of the container that this process runs in; `None` where the system does not tell.
    pub(super) fn here() -> Option<Self> {
        let read = |path: &Path| std::fs::read_to_string(path).ok();
        Self::told(&read)
    }

    fn told(read: &dyn Fn(&Path) -> Option<String>) -> Option<Self> {
        let machine = read(Path::new("/proc/meminfo"))?;
        let figure = |name: &str| {
            let line =
                machine.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        };
        let swap = figure("SwapTotal").unwrap_or(0);
        let machine = Self { total: figure("MemTotal")? + swap, free: figure("MemAvailable")? };
        let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
        Some(
            groups
                .lines()
                .flat_map(limits)
                .fold(machine, |memory, group| memory.within(&group, read)),
        )
    }

    /// The less of this memory and what a group may use of it.
    fn within(self, group: &Group, read: &dyn Fn(&Path) -> Option<String>) -> Self {
        let number = |name: &str| read(&group.folder.join(name))?.trim().parse::<u64>().ok();
        let Some(limit) = number(group.limit) else { return self };
        let used = number(group.usage).unwrap_or(0);
        Self { total: self.total.min(limit), free: self.free.min(limit.saturating_sub(used)) }
    }
}

/// A control group that limits memory.
struct Group {
    folder: PathBuf,
    limit: &'static str,
    usage: &'static str,
}

/// The groups that a line of `/proc/self/cgroup` names: the group itself and those it is in. In a container the group's own
/// folder is the root.
fn limits(line: &str) -> Vec<Group> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, limit, usage) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
        list if list.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        }
        _ => return Vec::new(),
    };
    let inner = Path::new(path.trim_start_matches('/'));
    inner
        .ancestors()
        .map(|part| Group { folder: Path::new(root).join(part), limit, usage })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:        8000 kB\nMemFree:          100 kB\nMemAvailable:    5000 kB\nSwapTotal:       2000 kB\n";

    fn told(files: &[(&str, &str)]) -> Option<Memory> {
        Memory::told(&|path| {
            files
                .iter()
                .find(|(name, _)| Path::new(name) == path)
                .map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn a_machine_has_what_it_says() {
        let machine = Memory { total: 10_000 * 1024, free: 5_000 * 1024 };
        assert_eq!(told(&[("/proc/meminfo", MEMINFO)]), Some(machine));
        assert_eq!(told(&[]), None);
        let unlimited = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/user\n"),
            ("/sys/fs/cgroup/user/memory.max", "max\n"),
        ];
        assert_eq!(told(&unlimited), Some(machine));
    }

    #[test]
    fn a_container_has_what_its_group_may_use() {
        // The second version of control groups: the limit is that of a group above.
        let second = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/jobs/one\n"),
            ("/sys/fs/cgroup/jobs/memory.max", "3072\n"),
            ("/sys/fs/cgroup/jobs/memory.current", "1024\n"),
        ];
        assert_eq!(told(&second), Some(Memory { total: 3072, free: 2048 }));
        let first = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/ab\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
        ];
        assert_eq!(told(&first), Some(Memory { total: 4096, free: 0 }));
    }
}

//! The most memory that the process ever held.

use std::fs;

/// Bytes of the process that were in memory at once, by the kernel's own count; none where there is no such count.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    high_water_mark(&fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmHWM` of a process's status, which is in kB.
fn high_water_mark(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::high_water_mark;

    #[test]
    fn the_high_water_mark_is_read_and_what_makes_no_sense_is_none() {
        assert_eq!(high_water_mark("Name:\ttieout\nVmHWM:\t  1234 kB\nVmRSS:\t  10 kB\n"), Some(1234 * 1024));
        for status in ["", "VmHWM:\t12 MB", "VmHWM:\t-1 kB", "VmHWM:\t18446744073709551615 kB"] {
            assert_eq!(high_water_mark(status), None, "{status}");
        }
    }
}

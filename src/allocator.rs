//! How long the allocator keeps memory that is free.
//!
//! An intake takes hundreds of megabytes and gives them all back, and the next one takes as many. What goes back to the system in
//! between has to be asked for again, page by page, and each page is wiped first: about an eighth of a run's processor time. In a
//! container it is the price of never coming near the limit. A machine with room to spare need not pay it.

use tikv_jemalloc_ctl::{Access as _, AsName as _, Result};

use crate::pipeline::Engine;

/// Milliseconds over which free pages go back where there is room for them: two intakes of a million orders follow each other
/// much faster.
const KEPT: isize = 5000;

/// So many times what a process may take is room to spare.
const ROOMY: u64 = 4;

/// Keeps free pages for some seconds, when the machine has room beside what the engine and the process may take. `machine` are
/// bytes; where nobody knows how many there are, nothing is kept.
pub fn keep_free_pages(engine_bytes: usize, machine: Option<u64>) {
    if !has_room(engine_bytes, machine) {
        return;
    }
    // A run is as right without it.
    if let Err(error) = keep() {
        tracing::debug!(%error, "free pages are not kept");
    }
}

fn has_room(engine_bytes: usize, machine: Option<u64>) -> bool {
    let taken = u64::try_from(engine_bytes).unwrap_or(u64::MAX).saturating_add(Engine::BESIDE);
    machine.is_some_and(|bytes| bytes >= taken.saturating_mul(ROOMY))
}

fn keep() -> Result<()> {
    b"arenas.dirty_decay_ms\0".name().write(KEPT)?;
    let arenas: u32 = b"arenas.narenas\0".name().read()?;
    for arena in 0..arenas {
        // One that nobody has used yet is not there, and begins with what was just set.
        let _ = format!("arena.{arena}.dirty_decay_ms\0").as_bytes().name().write(KEPT);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_container_has_no_room_to_spare_and_a_large_machine_has() {
        let engine = 512 << 20;
        assert!(!has_room(engine, Some(GIB)));
        assert!(!has_room(engine, Some(4 * GIB - 1)));
        assert!(has_room(engine, Some(4 * GIB)));
        assert!(!has_room(8 << 30, Some(16 * GIB)));
        assert!(!has_room(engine, None));
        assert!(!has_room(usize::MAX, Some(u64::MAX - 1)));
    }

    #[test]
    fn pages_are_kept_as_long_as_is_said_in_every_arena_there_is() {
        let of = |name: &str| -> isize { name.as_bytes().name().read().expect("a number") };
        keep_free_pages(usize::MAX, Some(GIB));
        assert_ne!(of("arenas.dirty_decay_ms\0"), KEPT);
        keep_free_pages(1, Some(64 * GIB));
        assert_eq!((of("arenas.dirty_decay_ms\0"), of("arena.0.dirty_decay_ms\0")), (KEPT, KEPT));
    }
}

//! Inputs whose footer is whole and whose content is not: named, whether the decoder ends in an error or in a panic.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use tieout::controls::batches_of;

use super::{fails, untouched};
use crate::fixtures::machine::parquet;
use crate::fixtures::project::Project;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decoded {
    Well,
    Error,
    Panic,
}

fn decoded(bytes: &[u8]) -> Decoded {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let columns = BTreeSet::from(["id", "at", "amount", "reverses"]);
    let decode = move || batches_of(bytes, &columns).and_then(|mut rows| rows.try_for_each(|batch| batch.map(drop)));
    match catch_unwind(decode) {
        Ok(Ok(())) => Decoded::Well,
        Ok(Err(_)) => Decoded::Error,
        Err(_) => Decoded::Panic,
    }
}

/// Files with one byte changed before the footer, so that the decoder ends like this.
fn damaged(good: &[u8], wanted: Decoded) -> impl Iterator<Item = Vec<u8>> {
    let length = u32::from_le_bytes(good[good.len() - 8..good.len() - 4].try_into().expect("four bytes")) as usize;
    let changes = (4..good.len() - 8 - length).flat_map(|at| [0, 0x21, 0x7f, 0x80, 0xff].map(|byte| (at, byte)));
    changes
        .map(|(at, byte)| {
            let mut bytes = good.to_vec();
            bytes[at] = byte;
            bytes
        })
        .filter(move |bytes| decoded(bytes) == wanted)
}

#[test]
fn a_file_that_makes_the_decoder_panic_or_fail_is_named_and_nothing_is_published() {
    let rows: Vec<_> = (0..50_i128)
        .map(|number| (Some(if number % 2 == 0 { "even" } else { "odd" }), "2026-09-10T10:00:00Z", number, None))
        .collect();
    let good = parquet(&rows);
    assert_eq!(decoded(&good), Decoded::Well);
    for wanted in [Decoded::Panic, Decoded::Error] {
        let bytes = damaged(&good, wanted).next().unwrap_or_else(|| panic!("no byte leads to {wanted:?}"));
        let project = Project::new();
        assert_eq!(project.run().code, 0);
        let before = project.current();
        project.file("in/postings/month=2026-09/part.parquet", &bytes);
        let ended = project.run();
        fails(&ended, 65, "E303", "cannot decode `");
        fails(&ended, 65, "E303", "in/postings/month=2026-09/part.parquet`");
        untouched(&project, before.as_ref());
    }
}

//! Disk, memory and threads that run out: that says nothing about the inputs, and the scheduler may try elsewhere or later.

use std::io::{Error, ErrorKind};

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use parquet::errors::ParquetError;
use tieout::checks::CheckError;
use tieout::error::{Exit, Failure};
use tieout::warehouse::build::BuildError;

fn exit(source: DataFusionError) -> Exit {
    BuildError::Model { model: "ledger".to_owned(), source: Box::new(source) }.exit()
}

#[test]
fn what_ran_out_is_found_however_deep_the_engine_has_wrapped_it() {
    let full = || Error::from_raw_os_error(28);
    let none = || Error::from(ErrorKind::OutOfMemory);
    let exhausted = || DataFusionError::ResourcesExhausted("no more".to_owned());
    let parquet = |error: ParquetError| DataFusionError::ParquetError(Box::new(error));
    let arrow = |error: ArrowError| DataFusionError::ArrowError(Box::new(error), None);
    let ran_out = [
        DataFusionError::IoError(full()),
        parquet(ParquetError::External(Box::new(full()))),
        parquet(ParquetError::General("Underlying write failed: No space left on device (os error 28)".to_owned())),
        arrow(ArrowError::IoError("cannot spill".to_owned(), full())),
        arrow(ArrowError::ExternalError(Box::new(exhausted()))),
        DataFusionError::External(Box::new(none())),
        DataFusionError::Context("collecting".to_owned(), Box::new(exhausted())),
        exhausted(),
    ];
    for error in ran_out {
        let said = format!("{error:?}");
        assert_eq!(exit(error), Exit::Resources, "{said}");
    }
    let damage = Error::new(ErrorKind::InvalidData, "unknown frame descriptor");
    assert_eq!(exit(parquet(ParquetError::External(Box::new(damage)))), Exit::InputContract);
    assert_eq!(exit(DataFusionError::Execution("two rows".to_owned())), Exit::InputContract);
}

#[test]
fn what_ran_out_is_told_with_its_code_and_what_to_give_more_of() {
    let said = |source: DataFusionError| {
        let error = BuildError::Model { model: "ledger".to_owned(), source: Box::new(source) };
        Failure::from(error).to_string()
    };
    let disk = said(DataFusionError::IoError(Error::from_raw_os_error(28)));
    assert!(disk.starts_with("error[E510]: the disk is full") && disk.contains("help: free some of it"), "{disk}");
    assert!(disk.contains("model `ledger` cannot be built"), "{disk}");
    let memory = said(DataFusionError::ResourcesExhausted("no more".to_owned()));
    assert!(memory.starts_with("error[E511]: memory, threads or open files ran out"), "{memory}");
}

#[test]
fn what_ran_out_while_a_check_was_asked_is_no_fault_of_the_check() {
    let failed = |source: DataFusionError| {
        Failure::from(CheckError::Engine { check: "negative".to_owned(), source: Box::new(source) })
    };
    let memory = failed(DataFusionError::ResourcesExhausted("no more".to_owned()));
    assert_eq!(memory.exit, Exit::Resources);
    let said = memory.to_string();
    assert!(said.starts_with("error[E511]: memory, threads or open files ran out while checks were asked"), "{said}");
    assert!(said.contains("check `negative` failed to run"), "{said}");
    assert_eq!(failed(DataFusionError::Execution("two rows".to_owned())).exit, Exit::Definition);
}

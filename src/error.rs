//! What a run can end with, and the exit code a scheduler branches on.

use crate::problem::Problems;

/// Exit codes: a documented interface (README, "Exit codes"), never renumbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing due.
    #[default]
    Done = 0,
    /// The command line was not understood.
    Usage = 2,
    /// An input breaks its contract.
    InputContract = 65,
    /// An input is missing.
    InputMissing = 66,
    /// A store, the relay or the cluster cannot be reached.
    Unreachable = 69,
    /// A fault of this program.
    Internal = 70,
    /// Disk or memory.
    Resources = 74,
    /// Something is in the way that will pass: try later.
    TryLater = 75,
    /// The outcome of a commit is unknown; the next run finds out.
    CommitUnknown = 76,
    /// Permission denied.
    Permission = 77,
    /// Pipeline, SQL or template is wrong.
    Definition = 78,
    /// Checks held the publication and its reports.
    Held = 79,
    /// Published, but not every delivery was accepted.
    DeliveryIncomplete = 80,
}

impl Exit {
    /// Every exit code, in their order.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::Usage,
        Self::InputContract,
        Self::InputMissing,
        Self::Unreachable,
        Self::Internal,
        Self::Resources,
        Self::TryLater,
        Self::CommitUnknown,
        Self::Permission,
        Self::Definition,
        Self::Held,
        Self::DeliveryIncomplete,
    ];

    /// Whether the same start, a little later and with nothing changed by a person, can end better. A fault of this
    /// program cannot: the same inputs meet the same fault, and what it said should be looked at. Disk and memory can,
    /// on another machine or when others have finished.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::Unreachable | Self::Resources | Self::TryLater | Self::CommitUnknown | Self::DeliveryIncomplete => {
                true
            }
            Self::Done
            | Self::Usage
            | Self::InputContract
            | Self::InputMissing
            | Self::Internal
            | Self::Permission
            | Self::Definition
            | Self::Held => false,
        }
    }
}

/// Any failure, with the exit code it asks for. Module errors convert into it with one `From` each.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::new(Exit::Definition, problems)
    }
}

/// An error and what caused it, one per line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.ends_with(&said) {
            text.push_str("\n  because: ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// Numbers of the operating system for what runs out: processes and memory, open files.
const RAN_OUT: [i32; 4] = [11, 12, 23, 24];

/// Whether disk, memory, threads or open files ran out beneath an error: that says nothing about what was being read.
#[must_use]
pub fn ran_out(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            let kind =
                matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem | OutOfMemory);
            if kind || io.raw_os_error().is_some_and(|number| RAN_OUT.contains(&number)) {
                return true;
            }
        }
        next = error.source();
    }
    says_ran_out(&chain(error))
}

/// The same by the words, where nothing but words is left of an error or a panic.
#[must_use]
pub fn says_ran_out(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "No space left on device",
        "Disk quota exceeded",
        "Cannot allocate memory",
        "Resource temporarily unavailable",
        "Too many open files",
        "not enough memory",
        "memory allocation of",
        "AllocError",
        "zstd returned null pointer",
    ];
    WORDS.iter().any(|words| text.contains(words))
}

/// The words of a panic.
#[must_use]
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> &str {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}

/// What ran out while something was done, for a person.
#[must_use]
pub fn out_of_resources(doing: &str, said: &str) -> Failure {
    let disk = ["space left", "quota", "Read-only"].iter().any(|words| said.contains(words));
    let (code, what, help) = if disk {
        ("E510", "the disk is full", "free some of it, or name a larger folder as engine.scratch")
    } else {
        (
            "E511",
            "memory, threads or open files ran out",
            "give it more, or take less: engine.memory, engine.parallelism",
        )
    };
    Failure::new(Exit::Resources, format!("error[{code}]: {what} {doing}: {said}\n  help: {help}"))
}

impl std::fmt::Display for Failure {
    /// The error and what caused it, printed once, at the top.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&chain(self.error.as_ref()))
    }
}

//! What keeps the protocol right: each can be taken away.

/// A guard of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// After any answer but `Ok` the key is read back. Without it, an error means that somebody else has the key.
    ReadBack,
    /// The bytes hold a nonce. Without it, whoever reads back the bytes that it wanted to write takes them for its own.
    Nonce,
    /// An entry of the log is created, never overwritten.
    CreateOnly,
    /// The fingerprint of the head is compared with one's own.
    Fingerprint,
    /// The head is read before the inputs are pinned.
    HeadBeforePin,
    /// Files are written before the entry that names them.
    FilesBeforeEntry,
    /// Mail leaves after the commit.
    CommitBeforeMail,
    /// An attempt to mail belongs to one run.
    Claim,
    /// `dot-n` is written before the message is handed over.
    DotBeforeBody,
    /// An attempt of another run that has not announced itself is closed before the next one begins.
    Fence,
    /// What is in doubt is held.
    Hold,
    /// Whoever wrote what readers see looks for a newer entry and writes again.
    LookAgain,
    /// Before the commit the run looks whether a newer lease exists.
    Epoch,
}

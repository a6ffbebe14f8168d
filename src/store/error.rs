//! What can go wrong with a store, in words without credentials.

use object_store::Error as Cause;
use url::Url;

use super::promise::Promise;
use crate::error::{Exit, Failure};
use crate::problem::{Problem, Problems};

/// What was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Get,
    Head,
    List,
    Put,
    Create,
    Sync,
    Delete,
}

/// What kind of failure it was, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The object, bucket or folder is not there.
    Missing,
    /// The store knows us and says no, or does not know us.
    Permission,
    /// No answer, or none that makes sense.
    Unreachable,
    /// Disk full and the like.
    Resources,
    /// This store cannot do this at all.
    Unsupported,
}

/// A failure of a store. Texts hold no credentials: URLs come without user info, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("storage option `{key}` is known to no store")]
    UnknownOption { key: String },
    #[error("storage option `{key}` cannot be used: {why}")]
    Option { key: String, why: String },
    #[error("storage URL `{url}` cannot be used: {why}")]
    Url { url: String, why: String },
    #[error("no input files match `{pattern}`")]
    NoFiles { pattern: String },
    #[error("{} empty (0 bytes)", named(.files))]
    Empty { files: Vec<String> },
    #[error("{count} files match `{pattern}`, at most {limit} are read")]
    TooMany { pattern: String, count: usize, limit: usize },
    #[error("`{file}` differs from `{pattern}` in capital letters alone, and would not be read")]
    Case { pattern: String, file: String },
    #[error("object key `{key}` cannot be used: {why}")]
    Key { key: String, why: String },
    #[error("input changed while reading `{file}`")]
    Changed { file: String },
    #[error("{} `{url}` failed: {}: {said}", .call.words(), .kind.words())]
    Failed { call: Call, url: String, kind: Kind, said: String },
    #[error("whether `{url}` was written is unknown: {said}")]
    OutcomeUnknown { url: String, said: String },
    #[error("`{url}` reads back differently from what was written: {difference}")]
    ReadBack { url: String, difference: String },
    #[error("{broken} (`{url}`)")]
    Promise { url: String, broken: Promise },
}

impl StoreError {
    /// The exit code a scheduler branches on.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::UnknownOption { .. } | Self::Option { .. } | Self::Url { .. } | Self::Promise { .. } => {
                Exit::Definition
            }
            Self::NoFiles { .. } => Exit::InputMissing,
            Self::Empty { .. } | Self::TooMany { .. } | Self::Case { .. } | Self::Key { .. } => Exit::InputContract,
            Self::Changed { .. } => Exit::TryLater,
            Self::Failed { kind, .. } => kind.exit(),
            Self::OutcomeUnknown { .. } => Exit::CommitUnknown,
            Self::ReadBack { .. } => Exit::Resources,
        }
    }

    /// The stable code of the message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownOption { .. } | Self::Option { .. } => "E130",
            Self::Url { .. } => "E131",
            Self::NoFiles { .. } => "E300",
            Self::Case { .. } => "E301",
            Self::Empty { .. } => "E302",
            Self::Changed { .. } => "E312",
            Self::TooMany { .. } => "E318",
            Self::Key { .. } => "E320",
            Self::Failed { kind: Kind::Resources, .. } => "E510",
            Self::Failed { kind: Kind::Unsupported, .. } => "E501",
            Self::Failed { .. } => "E321",
            Self::OutcomeUnknown { .. } => "E506",
            Self::ReadBack { .. } => "E512",
            Self::Promise { broken, .. } => broken.code(),
        }
    }

    /// One action that puts it right.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::UnknownOption { .. } => {
                "use the object store's key names, such as aws_endpoint or azure_storage_account_name"
            }
            Self::Option { .. } => "correct it under storage.options, or in the environment variable of that name",
            Self::Url { .. } => {
                "write file://, s3://, gs://, az://, abfss:// or https:// with bucket and path, and credentials elsewhere"
            }
            Self::NoFiles { .. } => {
                "look whether the stream arrived; a source that may be absent says `optional: true`"
            }
            Self::Empty { .. } => {
                "ask the owner of the source to send it again: a file without rows still has a header"
            }
            Self::TooMany { .. } => "make the pattern narrower, or merge small files",
            Self::Case { .. } => "rename the folder or file as the pattern has it",
            Self::Key { .. } => "rename the object",
            Self::Changed { .. } => "start again when the writer is done; nothing was published",
            Self::Failed { kind, .. } => kind.help(),
            Self::OutcomeUnknown { .. } => "nothing was deleted; the next run finds out",
            Self::ReadBack { .. } => "start again; if it stays, the store or the disk damages what it is given",
            Self::Promise { broken, .. } => broken.help(),
        }
    }

    /// It as a problem that is told with others.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string()).help(self.help())
    }

    /// The failure of a store that another error came from, with the key it is about; none when no store failed.
    pub(crate) fn beneath(call: Call, key: &str, error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let cause = store_cause(error)?;
        Some(Self::Failed { call, url: key.to_owned(), kind: Kind::of(call, cause), said: said(cause) })
    }

    pub(crate) fn from_store(call: Call, url: &Url, error: &Cause) -> Self {
        let url = shown(url);
        if let Cause::InvalidPath { source } = error {
            return Self::Key { key: url, why: said(source) };
        }
        Self::Failed { call, url, kind: Kind::of(call, error), said: said(error) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.exit(), Problems::from(error.problem()))
    }
}

/// The first files of a list, and how many more there are.
fn named(files: &[String]) -> String {
    const TOLD: usize = 3;
    let told: Vec<String> = files.iter().take(TOLD).map(|file| format!("`{file}`")).collect();
    match files.len() {
        0 | 1 => format!("{} is", told.concat()),
        count if count > TOLD => format!("{} and {} more are", told.join(", "), count - TOLD),
        _ => format!("{} are", told.join(", ")),
    }
}

impl Call {
    fn words(self) -> &'static str {
        match self {
            Self::Get => "reading",
            Self::Head => "looking at",
            Self::List => "listing",
            Self::Put => "writing",
            Self::Create => "creating",
            Self::Sync => "syncing",
            Self::Delete => "deleting",
        }
    }
}

impl Kind {
    /// The kind of a store's error. It says what a person can do, never whether a write landed.
    pub(crate) fn of(call: Call, error: &Cause) -> Self {
        match error {
            // A prefix without objects lists as empty, and a write needs no object: what is not found is the bucket.
            Cause::NotFound { .. } if matches!(call, Call::List | Call::Put | Call::Create) => Self::Unreachable,
            Cause::NotFound { .. } => Self::Missing,
            Cause::PermissionDenied { .. } | Cause::Unauthenticated { .. } => Self::Permission,
            Cause::NotImplemented { .. } | Cause::NotSupported { .. } => Self::Unsupported,
            Cause::Generic { store, .. } => match io_kind(error) {
                Some(std::io::ErrorKind::PermissionDenied) => Self::Permission,
                _ if refused(error) => Self::Permission,
                _ if *store == "LocalFileSystem" => Self::Resources,
                _ => Self::Unreachable,
            },
            _ => Self::Unreachable,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Missing => "not found",
            Self::Permission => "permission denied",
            Self::Unreachable => "no usable answer",
            Self::Resources => "disk",
            Self::Unsupported => "this store cannot do it",
        }
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Missing => Exit::InputMissing,
            Self::Permission => Exit::Permission,
            Self::Unreachable => Exit::Unreachable,
            Self::Resources => Exit::Resources,
            Self::Unsupported => Exit::Definition,
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Missing => "look whether the path and the bucket are the ones you mean",
            Self::Permission => "grant this identity the call named above, or give other credentials",
            Self::Unreachable => "check bucket, region, endpoint and network (`tieout doctor`), then start again",
            Self::Resources => "free or repair the disk, then start again",
            Self::Unsupported => "use a store that can: publications need conditional creates, patterns need listing",
        }
    }
}

/// The error of a store that another error came from: engine and decoder wrap it in their own.
pub(crate) fn store_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Cause> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(cause) = error.downcast_ref::<Cause>() {
            return Some(cause);
        }
        next = error.source();
    }
    None
}

/// A listing keeps the status of its answer inside the text only.
fn refused(error: &Cause) -> bool {
    let text = error.to_string();
    ["status code: 401", "status code: 403"].iter().any(|status| text.contains(status))
}

fn io_kind(error: &Cause) -> Option<std::io::ErrorKind> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

/// A URL as it may be shown: `abfss://container@account` keeps its container, everything else of user info, query and
/// fragment is dropped.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let container = matches!(url.scheme(), "az" | "azure" | "adl" | "abfs" | "abfss");
    // Both fail only for URLs that cannot hold user info, and then there is none.
    let _ = url.set_password(None);
    if !container {
        let _ = url.set_username("");
    }
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// What a store said, on one line, of bounded length, without query strings, user info and signed texts.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    const LIMIT: usize = 300;
    let text = error.to_string();
    let text = text.split("<?xml").next().map(|head| format!("{head}{}", element(&text))).unwrap_or_default();
    let words: Vec<String> = text.split_whitespace().map(without_credentials).collect();
    let line = words.join(" ");
    if line.chars().count() <= LIMIT { line } else { line.chars().take(LIMIT).chain(['…']).collect() }
}

/// Code and message of an XML error body; the rest of it repeats what was signed.
fn element(text: &str) -> String {
    let between = |tag: &str| -> Option<&str> {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0)
    };
    [between("Code"), between("Message")].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn without_credentials(word: &str) -> String {
    let Some((before, after)) = word.split_once("://") else { return word.to_owned() };
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let (address, query) = after.split_at(end);
    let host = address.split('/').next().unwrap_or_default();
    let address = match host.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => address.get(user.len() + 1..).unwrap_or_default(),
        _ => address,
    };
    let cut = if query.is_empty() { "" } else { "?…" };
    format!("{before}://{address}{cut}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let url = Url::parse("https://user:pass@host/a/b?sig=SECRET#x").unwrap();
        assert_eq!(shown(&url), "https://host/a/b");
        let url = Url::parse("abfss://container@account.dfs.core.windows.net/a?sig=SECRET").unwrap();
        assert_eq!(shown(&url), "abfss://container@account.dfs.core.windows.net/a");
    }

    #[test]
    fn what_a_store_said_loses_signed_texts() {
        let error = std::io::Error::other(
            "PUT https://u:p@acc.blob.core.windows.net/c/k?sig=SECRET in 2ms - 403: <?xml version=\"1.0\"?><Error>\
             <Code>AuthorizationFailure</Code><Message>no</Message><StringToSign>SECRET</StringToSign></Error>",
        );
        assert_eq!(said(&error), "PUT https://acc.blob.core.windows.net/c/k?… in 2ms - 403: AuthorizationFailure: no");
    }
}

//! A whole log as it is, also one that is refused: every entry that can be read, and everything that is wrong with the
//! chain.

use std::collections::BTreeSet;

use futures::StreamExt as _;

use super::log::file_name;
use super::{Head, Log, PublicationError};

/// Entries that are read at the same time.
const AT_ONCE: usize = 16;

/// What a log holds.
#[derive(Debug, Default)]
pub struct Survey {
    /// Entries that could be read.
    pub entries: u64,
    /// The highest number there is, 0 for none.
    pub last: u64,
    /// The newest entry that could be read.
    pub newest: Option<Head>,
    /// All that [`Log::verify`] would refuse, one by one.
    pub broken: Vec<PublicationError>,
}

impl Log {
    /// Looks at every entry from the first, and goes on after whatever is wrong.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn survey(&self) -> Result<Survey, PublicationError> {
        let mut survey = Survey::default();
        let numbers = self.numbers(&mut survey).await?;
        let mut entries = futures::stream::iter(numbers).map(|seq| async move { (seq, self.read(seq).await) });
        let mut entries = std::pin::pin!(entries.by_ref().buffered(AT_ONCE));
        while let Some((seq, read)) = entries.next().await {
            match read {
                Ok(head) => survey.add(self, head),
                Err(PublicationError::Store(error)) => return Err(error.into()),
                Err(error) => survey.broken.push(error),
            }
            survey.last = survey.last.max(seq);
        }
        Ok(survey)
    }

    /// The numbers in the log, ascending. What is no entry, and what is missing between two, is broken.
    async fn numbers(&self, survey: &mut Survey) -> Result<BTreeSet<u64>, PublicationError> {
        let folder = self.outputs().path("_tieout/log")?;
        let mut numbers = BTreeSet::new();
        for meta in self.outputs().list(&folder).await? {
            let name = meta.location.filename().unwrap_or_default();
            let seq = name.strip_suffix(".json").and_then(|number| number.parse().ok());
            let seq = seq.filter(|seq| *seq > 0 && file_name(*seq) == name);
            match seq.filter(|_| meta.location.parent().as_ref() == Some(&folder)) {
                Some(seq) => drop(numbers.insert(seq)),
                None => survey.broken.push(self.broken(format!("`{name}` is no entry"))),
            }
        }
        let mut expected = 1;
        for seq in &numbers {
            if *seq > expected {
                let missing = if *seq == expected + 1 { String::new() } else { format!(" to {}", seq - 1) };
                survey.broken.push(self.broken(format!("entry {expected}{missing} is missing")));
            }
            expected = seq + 1;
        }
        Ok(numbers)
    }
}

impl Survey {
    fn add(&mut self, log: &Log, head: Head) {
        let (seq, named) = (head.entry.seq, head.entry.prev_sha256.as_ref());
        let before = self.newest.as_ref().filter(|before| before.entry.seq + 1 == seq);
        let linked = match before {
            Some(before) => named == Some(&before.sha256),
            // What stood before cannot be read, which is broken already.
            None => named.is_some() == (seq > 1),
        };
        if !linked {
            self.broken.push(log.broken(format!("entry {seq} does not name the hash of the entry before it")));
        }
        self.entries += 1;
        self.newest = Some(head);
    }
}

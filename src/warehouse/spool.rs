//! Bytes that are written as they come and read once: in memory while they are few, else in a file of the scratch folder.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::warehouse::scratch_file::Removed;

/// Bytes of one spool that stay in memory.
const IN_MEMORY: usize = 4 << 20;

/// Where spools put what they do not keep in memory. By default they keep everything.
#[derive(Clone, Debug, Default)]
pub struct Spools {
    folder: Option<PathBuf>,
    files: Arc<AtomicUsize>,
}

impl Spools {
    /// In this folder, which is the run's own.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), files: Arc::default() }
    }

    /// A spool with nothing in it.
    #[must_use]
    pub fn spool(&self) -> Spool {
        let file = self.folder.as_ref().map(|folder| {
            let number = self.files.fetch_add(1, Ordering::Relaxed);
            folder.join(format!("spool-{number}"))
        });
        Spool { memory: Vec::new(), beyond: file, file: None }
    }
}

/// Bytes on their way.
#[derive(Debug)]
pub struct Spool {
    memory: Vec<u8>,
    /// The name of a file, until there is one.
    beyond: Option<PathBuf>,
    file: Option<(File, Removed)>,
}

impl Spool {
    /// Bytes that it takes of memory.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        self.memory.capacity()
    }

    /// All bytes. A file goes with it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(self) -> io::Result<Vec<u8>> {
        match self.file {
            None => Ok(self.memory),
            Some((file, removed)) => {
                drop(file);
                std::fs::read(removed.path())
            }
        }
    }

    /// Bytes of memory that it takes to read what is in the file.
    ///
    /// # Errors
    /// When the file has gone.
    pub fn read_size(&self) -> io::Result<usize> {
        match &self.file {
            None => Ok(0),
            Some((file, _)) => Ok(usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((file, _)) = &mut self.file {
            return file.write_all(bytes);
        }
        if self.memory.len() + bytes.len() > IN_MEMORY
            && let Some(path) = self.beyond.take()
        {
            let (mut file, removed) = (File::create(&path)?, Removed::at(path));
            file.write_all(&self.memory)?;
            file.write_all(bytes)?;
            self.memory = Vec::new();
            self.file = Some((file, removed));
            return Ok(());
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |(file, _)| file.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_wait_in_a_file_and_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = || std::fs::read_dir(folder.path()).expect("the folder").count();
        for (spools, on_disk) in [(Spools::in_folder(folder.path().to_path_buf()), 1), (Spools::default(), 0)] {
            for size in [0, 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 5] {
                let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).expect("small")).collect();
                let mut spool = spools.spool();
                bytes.chunks(1 << 20).for_each(|chunk| spool.write_all(chunk).expect("room"));
                let on_disk_now = if size > IN_MEMORY && on_disk == 1 { size } else { 0 };
                assert_eq!(spool.read_size().expect("known"), on_disk_now);
                assert_eq!(files(), if size > IN_MEMORY { on_disk } else { 0 }, "{size}");
                assert!(on_disk == 0 || spool.memory_size() <= 2 * IN_MEMORY, "{size}");
                assert!(spool.read().expect("reads") == bytes, "{size}");
                assert_eq!(files(), 0);
            }
        }
    }
}

//! `init`: the shipped pipelines, SQL and templates as files of one's own. Works from the binary alone.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

static PIPELINES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/pipelines");
static SQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");
static REPORTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/reports");

/// What was written, and what was there before and left alone.
#[derive(Debug, Default, serde::Serialize)]
pub struct Initialised {
    pub written: Vec<PathBuf>,
    pub kept: Vec<PathBuf>,
}

/// Writes every shipped file that is not there yet.
///
/// # Errors
/// When the folder cannot be written.
pub fn init(folder: &Path) -> io::Result<Initialised> {
    let mut initialised = Initialised::default();
    for (name, shipped) in [("pipelines", &PIPELINES), ("sql", &SQL), ("reports", &REPORTS)] {
        write(&folder.join(name), shipped, &mut initialised)?;
    }
    Ok(initialised)
}

fn write(folder: &Path, shipped: &Dir<'_>, initialised: &mut Initialised) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for file in shipped.files() {
        let Some(name) = file.path().file_name() else { continue };
        let path = folder.join(name);
        match fs::File::create_new(&path) {
            Ok(mut new) => {
                new.write_all(file.contents())?;
                initialised.written.push(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => initialised.kept.push(path),
            Err(error) => return Err(error),
        }
    }
    for inner in shipped.dirs() {
        let Some(name) = inner.path().file_name() else { continue };
        write(&folder.join(name), inner, initialised)?;
    }
    Ok(())
}

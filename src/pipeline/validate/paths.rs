//! Paths of the project: what a pipeline file names lies beside it, and no link leads elsewhere.

use std::path::{Path, PathBuf};

use super::Validator;
use crate::pipeline::page::shortened;

impl Validator<'_> {
    /// A path of the project: below the folder above the pipeline file's, links followed.
    /// None when it leads elsewhere.
    pub(super) fn path(&mut self, place: &[&str], written: &str) -> Option<PathBuf> {
        let joined = normal(&self.directory.join(written));
        let project = normal(&self.directory.join(".."));
        if Path::new(written).is_absolute() || !joined.starts_with(&project) || !is_inside(&project, &joined) {
            let message = format!("path `{}` leaves the project directory", shortened(written));
            self.problem(place, "E118", message).help =
                Some("keep SQL, templates and tables beside the pipeline's folder".to_owned());
            return None;
        }
        let mut inside = true;
        for link in links(&joined).into_iter().filter(|link| !is_inside(&project, link)) {
            let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let message = format!("link `{name}` in `{}` leaves the project directory", shortened(written));
            self.problem(place, "E118", message).help = Some("put the file itself there".to_owned());
            inside = false;
        }
        inside.then_some(joined)
    }

    /// A reference table is a file of the project, and no link to something else.
    pub(super) fn reference_files(&mut self, place: &[&str], written: &str) {
        let project = normal(&self.directory.join(".."));
        let (folder, name) = written.rsplit_once('/').unwrap_or((".", written));
        let fixed: PathBuf =
            Path::new(folder).iter().take_while(|part| !part.to_string_lossy().contains('*')).collect();
        let folder = normal(&self.directory.join(fixed));
        let files = if written.contains('*') { links(&folder) } else { vec![folder.join(name)] };
        let outside = std::iter::once(folder).chain(files).find(|path| !is_inside(&project, path));
        if let Some(path) = outside {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let message = format!("`{name}` of `{}` is a link that leaves the project directory", shortened(written));
            self.problem(place, "E118", message).help = Some("put the file itself there".to_owned());
        }
    }
}

/// Whether a path of the project stays in it when its links are followed. What is not there yet leads nowhere: only the part
/// that exists can be a link.
fn is_inside(project: &Path, path: &Path) -> bool {
    let real_project = project.canonicalize().unwrap_or_else(|_| project.to_path_buf());
    let existing = path.ancestors().find_map(|part| part.canonicalize().ok().map(|real| (part, real)));
    existing.is_none_or(|(part, real)| !part.starts_with(project) || real.starts_with(&real_project))
}

/// Symbolic links in a folder, when there is one.
fn links(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink())).map(|entry| entry.path()).collect()
}

/// Without `.` and `..`, by the letters of the path alone.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

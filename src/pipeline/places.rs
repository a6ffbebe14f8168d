//! Where something stands in the pipeline file, for problems that are found after it was read.

use super::Pipeline;
use super::node::{self, At, Node, Read, Value};
use super::page::Page;
use super::validate::read_bytes;
use crate::problem::Place;

impl Pipeline {
    /// Where the file says this: the key that a path of names and positions leads to, or as far as it leads. Called with a
    /// problem in hand only; a file that can no longer be read is named without a line.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Place {
        let whole = || Place::file(&self.file);
        let Ok(bytes) = read_bytes(&self.file) else { return whole() };
        let Ok(text) = node::text(&bytes) else { return whole() };
        let read = node::read(text);
        let Some(root) = &read.root else { return whole() };
        let at = key_at(root, path);
        Page::new(&self.file, text, &Read { root: read.root.clone(), ..Read::default() }).place(at)
    }
}

fn key_at(root: &Node, path: &[&str]) -> At {
    let (mut node, mut at) = (root, root.at);
    for name in path {
        let inner = match &node.value {
            Value::List(items) => {
                name.parse::<usize>().ok().and_then(|index| items.get(index)).map(|item| (item.at, item))
            }
            Value::Map(entries) => {
                entries.iter().find(|(key, _)| key.name == *name).map(|(key, value)| (key.at, value))
            }
            _ => None,
        };
        let Some((found, inner)) = inner else { break };
        (at, node) = (found, inner);
    }
    at
}

//! Words in a notice to the operators: whatever a finding, a relay or an error says becomes one harmless line.

use crate::pipeline::{Pipeline, Text, Transport};
use crate::warehouse::output::sha256_hex;

/// What replaces a secret.
const REDACTED: &str = "[secret]";
/// Shorter secrets would be found in innocent words.
const SHORTEST: usize = 4;

/// One line for people: no control characters and no changes of direction, no secret of the pipeline, addresses masked, at
/// most this many characters.
#[must_use]
pub fn harmless(text: &str, pipeline: &Pipeline, limit: usize) -> String {
    let mut text = text.to_owned();
    for secret in secrets(pipeline).filter(|secret| secret.len() >= SHORTEST) {
        text = text.replace(secret, REDACTED);
    }
    let line: String = masked(&text).chars().map(|char| if is_hostile(char) { ' ' } else { char }).collect();
    let mut words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > limit {
        words = words.chars().take(limit).chain(['…']).collect();
    }
    words
}

/// What an error is about, in one hash: the same error of another run, file or instant is the same.
#[must_use]
pub fn gist(text: &str) -> String {
    let stays = |word: &&str| word.starts_with("error[") || !word.contains(|char: char| char.is_ascii_digit());
    let words: Vec<&str> = text.split_whitespace().map(|word| if stays(&word) { word } else { "#" }).collect();
    short_hash(&words.join(" "))
}

/// The first 12 hex digits of a SHA-256.
#[must_use]
pub fn short_hash(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(12).collect()
}

fn secrets(pipeline: &Pipeline) -> impl Iterator<Item = &str> {
    let password = match &pipeline.delivery.transport {
        Transport::Smtp(relay) => relay.password.as_ref(),
        Transport::Directory(_) => None,
    };
    let options = pipeline.storage.options.values().filter_map(|option| match option {
        Text::Secret(secret) => Some(secret),
        Text::Plain(_) => None,
    });
    password.into_iter().chain(options).map(crate::pipeline::Secret::reveal)
}

/// Everything that looks like an address, as logs show it.
fn masked(text: &str) -> String {
    let mut shown = String::new();
    for char in text.chars() {
        if char == '@' {
            let rest =
                shown.trim_end_matches(|char: char| char.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(char));
            let local: String = shown.split_off(rest.len());
            if let Some(first) = local.chars().next() {
                shown.push(first);
                shown.push_str("***");
            }
        }
        shown.push(char);
    }
    shown
}

/// Control characters, line and paragraph separators, zero widths and changes of direction.
fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{gist, masked};

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        assert_eq!(masked("to <jane.doe@shop.example>, x=bob@a.b"), "to <j***@shop.example>, x***@a.b");
        assert_eq!(masked("f***@shop.example and @"), "f***@shop.example and @");
    }

    #[test]
    fn an_error_of_another_instant_is_the_same() {
        let error = |run: &str| gist(&format!("error[E510]: folder /tmp/tieout-{run} cannot be made"));
        assert_eq!(error("20261107T051700Z-1"), error("20261108T051700Z-2"));
        assert_ne!(gist("error[E510]: a"), gist("error[E511]: a"));
    }
}

//! A text of somebody else inside a scheduler's file, by the rules of each.

use std::fmt::Write as _;
use std::path::Path;

/// One word of a shell.
pub(super) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The command of a crontab line: an unescaped percent sign would end it.
pub(super) fn crontab(command: &str) -> String {
    command.replace('%', "\\%")
}

/// One word of a systemd setting that expands specifiers.
pub(super) fn systemd(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// One word of a systemd command line, which expands variables too.
pub(super) fn systemd_word(text: &str) -> String {
    systemd(&text.replace('$', "$$"))
}

/// A YAML scalar that is a text whatever it looks like: in double quotes, with everything beyond ASCII escaped, so that
/// no reader sees a line end in it.
pub(super) fn yaml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        // Writing to a string cannot fail.
        let _ = match char {
            '"' | '\\' => write!(quoted, "\\{char}"),
            ' '..='~' => write!(quoted, "{char}"),
            _ if u32::from(char) <= 0xffff => write!(quoted, "\\u{:04x}", u32::from(char)),
            _ => write!(quoted, "\\U{:08x}", u32::from(char)),
        };
    }
    quoted.push('"');
    quoted
}

/// A path as text.
pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_own_quotes() {
        let text = "a'b \"c\" $d %e \\f ü😀";
        assert_eq!(shell(text), "'a'\\''b \"c\" $d %e \\f ü😀'");
        assert_eq!(crontab("x 'a%b'"), "x 'a\\%b'");
        assert_eq!(systemd(text), "\"a'b \\\"c\\\" $d %%e \\\\f ü😀\"");
        assert_eq!(systemd_word(text), "\"a'b \\\"c\\\" $$d %%e \\\\f ü😀\"");
        assert_eq!(yaml(text), "\"a'b \\\"c\\\" $d %e \\\\f \\u00fc\\U0001f600\"");
        assert_eq!(yaml("a\u{2028}b\u{85}c\n"), "\"a\\u2028b\\u0085c\\u000a\"");
    }
}

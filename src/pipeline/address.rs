//! Mail addresses, strictly: one per entry, nothing that could end a header or name another host than it seems to.

use crate::pipeline::Mailbox;

/// Reads `Name <local@domain>` or `local@domain`.
///
/// # Errors
/// Why the text is not exactly one address.
pub fn mailbox(text: &str) -> Result<Mailbox, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("it has a line break or control character");
    }
    let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
        None => ("", text),
    };
    if name.contains(['<', '>', '@', ',', ';', '"', '\\']) {
        return Err("its name has characters that belong to addresses");
    }
    if address.contains([',', ';']) || address.matches('@').count() > 1 {
        return Err("one entry holds one address");
    }
    let (local, domain) = address.split_once('@').ok_or("it has no @")?;
    if !is_local(local) {
        return Err("the part before the @ is not plain");
    }
    let domain = domain.to_ascii_lowercase();
    if !is_domain(&domain) {
        return Err("the part after the @ is no domain name");
    }
    let name = (!name.is_empty()).then(|| name.to_owned());
    Ok(Mailbox { name, address: format!("{local}@{domain}") })
}

/// Dot-separated words of the usual characters; no quotes, no comments.
fn is_local(local: &str) -> bool {
    let usual = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= 64 && local.split('.').all(|word| !word.is_empty() && word.chars().all(usual))
}

/// A name with a dot (or `localhost`), no address of a host.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let numeric = labels.last().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    domain.len() <= 253
        && labels.iter().all(|one| label(one))
        && (labels.len() > 1 || domain == "localhost")
        && !numeric
}

#[cfg(test)]
mod tests {
    use super::mailbox;

    #[test]
    fn an_address_with_a_name_is_read() {
        let read = mailbox("Head of Finance <Finance@Shop.Example>").expect("reads");
        assert_eq!((read.name.as_deref(), read.address.as_str()), (Some("Head of Finance"), "Finance@shop.example"));
    }

    #[test]
    fn anything_but_one_plain_address_is_refused() {
        let wrong = [
            "",
            "a",
            "a@b",
            "a@b.c, d@e.f",
            "a@b@c.d",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "x\r\nBcc: y@z.w",
            "\"a b\"@c.d",
            ".a@b.c",
        ];
        for text in wrong {
            assert!(mailbox(text).is_err(), "{text}");
        }
    }
}

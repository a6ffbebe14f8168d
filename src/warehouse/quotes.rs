//! Quotes of a CSV file, before it is read: a decoder takes what it can get, and a quote that is never closed would make all
//! lines after it one cell.

/// What is wrong with a file's quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteFault {
    /// From 1; where the quoted cell begins.
    pub line: usize,
    pub why: &'static str,
}

#[derive(Clone, Copy)]
enum Place {
    CellStart,
    Plain,
    Quoted,
    /// After a quote within a quoted cell: its end, or the first of two that stand for one.
    AfterQuote,
}

/// The first fault of the quotes, by RFC 4180: a quote at the start of a cell opens it, two stand for one, and what closes it
/// is followed by a comma, a line end or the end of the file. A quote within a plain cell is a character as any other.
#[must_use]
pub fn quote_fault(bytes: &[u8]) -> Option<QuoteFault> {
    let (mut place, mut line, mut opened) = (Place::CellStart, 1, 1);
    for byte in bytes {
        place = match (place, byte) {
            (Place::CellStart, b'"') => {
                opened = line;
                Place::Quoted
            }
            (Place::Quoted, b'"') => Place::AfterQuote,
            (Place::Quoted, _) | (Place::AfterQuote, b'"') => Place::Quoted,
            (_, b',' | b'\n' | b'\r') => Place::CellStart,
            (Place::AfterQuote, _) => {
                let why = "a quoted cell that begins on this line goes on after its closing quote";
                return Some(QuoteFault { line: opened, why });
            }
            (Place::CellStart | Place::Plain, _) => Place::Plain,
        };
        line += usize::from(*byte == b'\n');
    }
    matches!(place, Place::Quoted)
        .then_some(QuoteFault { line: opened, why: "a quote that opens on this line is never closed" })
}

#[cfg(test)]
mod tests {
    use super::quote_fault;

    #[test]
    fn a_quote_that_does_not_end_where_it_must_is_found_with_the_line_it_opens_on() {
        let line = |text: &str| quote_fault(text.as_bytes()).map(|fault| fault.line);
        assert_eq!(line("a,b\n1,\"x\ny\"\r\n\"\"\"\",5\" pipe\n2,\"\""), None);
        assert_eq!(line("a,b\n1,\"x\n2,y\n3,z\n"), Some(2));
        assert_eq!(line("a,b\n1,x\n2,\"x\n3,\"y\"\n"), Some(3), "closed by the quote of another cell");
        assert_eq!(line("a,b\n1,\"x\n2,\"\"\n"), Some(2));
        assert_eq!(line("a,b\n1,\"\"\"\n"), Some(2));
    }
}

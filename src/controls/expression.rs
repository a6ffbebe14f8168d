//! What a control total sums: products of columns with signs, such as `price * quantity - discount`. `1` counts rows.

/// A sum of products.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sum {
    pub terms: Vec<Term>,
}

/// One product, added or subtracted. Without factors it is 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    pub negative: bool,
    pub factors: Vec<String>,
}

/// Why a text is no sum of products.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no sum of products of columns: {why}")]
pub struct SumError {
    pub text: String,
    pub why: &'static str,
}

impl Sum {
    /// Reads `a * b - c + d`.
    ///
    /// # Errors
    /// When anything but column names, `1`, `*`, `+` and `-` stands in it.
    pub fn parse(text: &str) -> Result<Self, SumError> {
        let wrong = |why| SumError { text: text.to_owned(), why };
        let mut terms = Vec::new();
        let mut negative = false;
        let mut rest = text.trim();
        if let Some(after) = rest.strip_prefix('-') {
            (negative, rest) = (true, after);
        }
        loop {
            let end = rest.find(['+', '-']).unwrap_or(rest.len());
            let (product, after) = rest.split_at(end);
            terms.push(Term {
                negative,
                factors: factors(product).ok_or_else(|| wrong("a product is columns with * between"))?,
            });
            let mut signs = after.chars();
            match signs.next() {
                None => return Ok(Self { terms }),
                Some(sign) => (negative, rest) = (sign == '-', signs.as_str()),
            }
        }
    }

    /// The columns it reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().flat_map(|term| term.factors.iter().map(String::as_str))
    }
}

fn factors(product: &str) -> Option<Vec<String>> {
    let mut factors = Vec::new();
    for factor in product.split('*').map(str::trim) {
        if factor == "1" {
            continue;
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let named = !factor.is_empty() && factor.chars().all(word) && !factor.starts_with(|c: char| c.is_ascii_digit());
        if !named {
            return None;
        }
        factors.push(factor.to_owned());
    }
    Some(factors)
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn a_sum_of_products_is_read_with_its_signs() {
        let sum = Sum::parse("-list_price * quantity - discount + 1").expect("reads");
        let shown: Vec<_> = sum.terms.iter().map(|term| (term.negative, term.factors.join("*"))).collect();
        assert_eq!(
            shown,
            [(true, "list_price*quantity".to_owned()), (true, "discount".to_owned()), (false, String::new())]
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "a +", "a b", "2 * a", "sum(a)", "a / b", "a * * b"] {
            assert!(Sum::parse(text).is_err(), "{text}");
        }
    }
}

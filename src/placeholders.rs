//! Strings with placeholders in braces: `Bearer {token}`, `/repos/{owner}/{repo}`.

/// A piece of such a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Literal text.
    Literal(String),
    /// The name of a placeholder; never empty.
    Name(String),
}

/// Splits `text` into its pieces, in order. A doubled brace means the character.
///
/// # Errors
///
/// What is wrong with the braces.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' if rest.peek() == Some(&c) => {
                rest.next();
                literal.push(c);
            }
            '{' => {
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(c) if c != '{' => name.push(c),
                        _ => return Err("has a `{` without a `}`; double it to mean the character"),
                    }
                }
                if name.is_empty() {
                    return Err("has `{}` without a name in it");
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Name(name));
            }
            '}' => return Err("has a `}` without a `{`; double it to mean the character"),
            _ => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_split_and_doubled_braces_are_characters() {
        let name = |name: &str| Piece::Name(name.into());
        let literal = |text: &str| Piece::Literal(text.into());
        assert_eq!(pieces("a{{{b}}}c{d}"), Ok(vec![literal("a{"), name("b"), literal("}c"), name("d")]));
        assert_eq!(pieces(""), Ok(vec![]));
    }

    #[test]
    fn unbalanced_braces_are_rejected() {
        for bad in ["{", "}", "{a", "a}", "{}", "{a{b}}", "Bearer {token"] {
            assert!(pieces(bad).is_err(), "{bad}");
        }
    }
}

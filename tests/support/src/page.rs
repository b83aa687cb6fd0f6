//! Puts what an example measured into a page, between two marks.

use std::fs;
use std::path::Path;

use crate::Failed;

/// Replaces what is between the marks `<!-- name -->` and `<!-- /name -->` of the file at `path` by `text`.
///
/// # Errors
///
/// If the file cannot be read or written, or has no such marks.
pub fn write(path: &Path, name: &str, text: &str) -> Result<(), Failed> {
    let failed = |error| format!("{}: {error}; run this in the repository's root", path.display());
    let before = fs::read_to_string(path).map_err(failed)?;
    let (from, to) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let marks = before.split_once(&from).and_then(|(head, rest)| Some((head, rest.split_once(&to)?.1)));
    let Some((head, tail)) = marks else {
        return Err(format!("{} has no {from} with a {to} after it", path.display()).into());
    };
    Ok(fs::write(path, format!("{head}{from}\n{text}\n{to}{tail}")).map_err(failed)?)
}

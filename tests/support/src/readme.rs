//! What an example has found, in the README: written between two marks, and never by hand.

use std::error::Error;
use std::fs;
use std::path::Path;

/// Puts `text` between the marks `<!-- name -->` and `<!-- /name -->` of the file at `path`.
pub(crate) fn write(path: &Path, name: &str, text: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let failed = |error| format!("{}: {error}; run this in the repository's root", path.display());
    let before = fs::read_to_string(path).map_err(failed)?;
    let (from, to) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let marks = before.split_once(&from).and_then(|(head, rest)| Some((head, rest.split_once(&to)?.1)));
    let Some((head, tail)) = marks else {
        return Err(format!("{} has no {from} with a {to} after it", path.display()).into());
    };
    Ok(fs::write(path, format!("{head}{from}\n{text}\n{to}{tail}")).map_err(failed)?)
}

//! The README's table: written between two marks, and never by hand.

use std::fs;
use std::path::Path;

use crate::proof::Failed;

const FROM: &str = "<!-- blast-radius -->";
const TO: &str = "<!-- /blast-radius -->";

/// Puts `text` between the marks of the file at `path`.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failed> {
    let failed = |error| format!("{}: {error}; run this in the repository's root", path.display());
    let before = fs::read_to_string(path).map_err(failed)?;
    let marks = before.split_once(FROM).and_then(|(head, rest)| Some((head, rest.split_once(TO)?.1)));
    let Some((head, tail)) = marks else {
        return Err(format!("{} has no {FROM} with a {TO} after it", path.display()).into());
    };
    Ok(fs::write(path, format!("{head}{FROM}\n{text}\n{TO}{tail}")).map_err(failed)?)
}

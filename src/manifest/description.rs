//! Strings that people and models read.

use cofferdam_config::document::{Field, TableReader};
use cofferdam_config::text;

/// The required string `name`: not empty, and at most `max` characters.
pub(super) fn description<'a>(
    table: &TableReader<'a>,
    name: &'static str,
    max: usize,
) -> Option<Field<'a, &'a str>> {
    let text = table.required_string(name, text!("{name} = \"…\""))?;
    let length = text.value.chars().count();
    if text.value.trim().is_empty() {
        text.error("must not be empty", text!("describe it in at most {max} characters"));
    } else if length > max {
        text.error(
            text!("is too long: {length} characters"),
            text!("shorten it to at most {max} characters"),
        );
    } else {
        return Some(text);
    }
    None
}

/// A [`description`] on one line.
pub(super) fn line(table: &TableReader<'_>, name: &'static str, max: usize) -> Option<String> {
    let text = description(table, name, max)?;
    if text.value.contains(char::is_control) {
        text.error("must not contain a line break or a control character", "write it on one line");
        return None;
    }
    Some(text.value.to_owned())
}

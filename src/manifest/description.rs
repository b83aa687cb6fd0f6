//! Strings that people and models read.

use cofferdam_config::document::{Field, TableReader};

/// The required string `name`: not empty, and at most `max` characters.
pub(super) fn description<'a>(table: &TableReader<'a>, name: &str, max: usize) -> Option<Field<'a, &'a str>> {
    let text = table.required_string(name, &format!("{name} = \"…\""))?;
    let length = text.value.chars().count();
    if text.value.trim().is_empty() {
        text.error("must not be empty", format!("describe it in at most {max} characters"));
    } else if length > max {
        text.error(
            format!("is too long: {length} characters"),
            format!("shorten it to at most {max} characters"),
        );
    } else {
        return Some(text);
    }
    None
}

/// A [`description`] on one line.
pub(super) fn line(table: &TableReader<'_>, name: &str, max: usize) -> Option<String> {
    let text = description(table, name, max)?;
    if text.value.contains(char::is_control) {
        text.error("must not contain a line break or a control character", "write it on one line");
        return None;
    }
    Some(text.value.to_owned())
}

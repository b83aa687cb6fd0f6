//! A profile's text as values, and where each is written.

use std::path::PathBuf;

use cofferdam_config::document::{Positions, SourceText, float, integer, parse};
use cofferdam_config::{Diagnostic, Diagnostics, KeyPath, Origin};
use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A profile's file as far as it could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// The values.
    pub(super) values: Dict,
    /// Where each key and value is written.
    pub(super) positions: Positions,
    /// What is wrong with the syntax.
    pub(super) diagnostics: Diagnostics,
    /// Whether all values could be read. If not, further diagnostics could only follow from those of the syntax.
    pub(super) complete: bool,
}

impl Document {
    /// Reads `text`. Never fails: what is wrong is in `diagnostics`.
    pub(super) fn read(file: PathBuf, text: &str) -> Self {
        let source = SourceText::new(Origin::File(file), text);
        let parsed = parse(&source);
        let mut reader =
            Reader { source: &source, diagnostics: parsed.diagnostics().clone(), complete: true };
        let values = reader.table(&KeyPath::default(), parsed.root());
        Self {
            values,
            positions: Positions::new(&source, parsed.root()),
            diagnostics: reader.diagnostics,
            complete: reader.complete && parsed.is_complete(),
        }
    }
}

/// Converts TOML values into those that the overrides are merged with.
struct Reader<'s> {
    source: &'s SourceText,
    diagnostics: Diagnostics,
    complete: bool,
}

impl Reader<'_> {
    fn table(&mut self, path: &KeyPath, table: &DeTable<'_>) -> Dict {
        let mut values = Dict::new();
        for (key, value) in table {
            let path = path.child(key.get_ref());
            values.extend(self.value(&path, value).map(|value| (key.get_ref().to_string(), value)));
        }
        values
    }

    fn value(&mut self, path: &KeyPath, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        Some(match value.get_ref() {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Value::from(number),
                None => {
                    return self.error(
                        path,
                        value,
                        "this number does not fit 64 bits",
                        "write a smaller number",
                    );
                }
            },
            DeValue::Float(number) => match float(number) {
                Some(number) => Value::from(number),
                None => return self.error(path, value, "this number is not finite", "write a finite number"),
            },
            // No key takes a date. As a string it is accepted or rejected like any other string.
            DeValue::Datetime(date) => Value::from(date.to_string().as_str()),
            DeValue::Array(entries) => {
                let entries = entries.iter().enumerate();
                let values: Vec<Value> =
                    entries.filter_map(|(index, value)| self.value(&path.child(index), value)).collect();
                Value::from(values)
            }
            DeValue::Table(table) => Value::from(self.table(path, table)),
        })
    }

    fn error(
        &mut self,
        path: &KeyPath,
        value: &Spanned<DeValue<'_>>,
        message: &'static str,
        help: &'static str,
    ) -> Option<Value> {
        self.complete = false;
        let location = self.source.location(value.span().start);
        self.diagnostics.push(Diagnostic::error(path.to_string(), message, help).at(location));
        None
    }
}

//! The fields of an item, by name.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_vault::JsonFields;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An item as Connect returns it. Borrows values from the response, so that it makes no copy of a secret.
#[derive(Deserialize)]
pub(crate) struct Item<'a> {
    pub(crate) id: String,
    /// Increases with each change of the item.
    pub(crate) version: u64,
    #[serde(default)]
    sections: Vec<Section>,
    #[serde(borrow, default)]
    fields: Vec<Field<'a>>,
}

#[derive(Deserialize)]
struct Section {
    id: String,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize)]
struct Field<'a> {
    #[serde(default)]
    label: String,
    section: Option<SectionId>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SectionId {
    id: String,
}

/// The fields of an item that have a value.
pub(crate) struct NamedFields {
    pub(crate) fields: JsonFields,
    /// Names that may mean several of them.
    pub(crate) ambiguous: BTreeSet<String>,
}

impl Item<'_> {
    /// Names each field by its label, and by `SECTION.LABEL` if another one has the same label.
    pub(crate) fn named_fields(&self) -> NamedFields {
        let labels: BTreeMap<&str, &str> =
            self.sections.iter().map(|section| (section.id.as_str(), section.label.as_str())).collect();
        let valued = || self.fields.iter().filter(|field| field.has_value());
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        valued().for_each(|field| *count.entry(&field.label).or_default() += 1);
        let name = |field: &Field<'_>| {
            let section = field.section.as_ref().and_then(|section| labels.get(section.id.as_str()));
            match section {
                // The section without a title is there for fields that belong to none.
                Some(section) if count[field.label.as_str()] > 1 && !section.is_empty() => {
                    format!("{section}.{}", field.label)
                }
                _ => field.label.clone(),
            }
        };
        let mut ambiguous: BTreeSet<String> =
            count.iter().filter(|(_, count)| **count > 1).map(|(label, _)| (*label).to_owned()).collect();
        let mut named = BTreeMap::new();
        for field in valued() {
            let (name, value) = (name(field), field.value);
            if let Some(value) = value
                && named.insert(name.clone(), value).is_some()
            {
                ambiguous.insert(name);
            }
        }
        NamedFields { fields: named.into_iter().collect(), ambiguous }
    }
}

impl Field<'_> {
    /// Connect leaves an empty value out, or returns it as an empty string.
    fn has_value(&self) -> bool {
        self.value.is_some_and(|value| !matches!(value.get(), "\"\"" | "null"))
    }
}

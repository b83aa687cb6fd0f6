//! How a service offers a next page, and which arguments fetch it.

use serde::Deserialize;

/// How a service offers a next page, as it is written: `page = { style = "link-header" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "style", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PageTable {
    /// A `Link` header with `rel="next"`; its query's parameters become the arguments that they came from.
    LinkHeader {},
    /// The answer holds a cursor.
    Cursor {
        /// A JMESPath into the answer that yields the next cursor; null, false or empty at the end.
        next: String,
        /// The argument that takes the cursor.
        argument: String,
    },
    /// The caller counts items.
    Offset {
        /// A JMESPath into the answer that yields the list of items.
        items: String,
        /// The argument that says how many items to pass over.
        offset: String,
        /// The argument that says how many items a page holds.
        limit: String,
        /// How many items a page holds where the caller does not say.
        default_limit: u64,
    },
    /// The caller counts pages, from one.
    Page {
        /// A JMESPath into the answer that yields the list of items.
        items: String,
        /// The argument that says which page.
        page: String,
        /// The argument that says how many items a page holds.
        per_page: String,
        /// How many items a page holds where the caller does not say.
        default_per_page: u64,
    },
}

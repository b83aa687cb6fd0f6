//! The `[access]` table.

use cofferdam_config::KeyPath;

use super::report::Report;
use crate::profile::address;
use crate::profile::settings::AccessSettings;
use crate::profile::tables::AccessTable;

/// The settings of the table. What is wrong is reported and left out.
pub(in crate::profile) fn check(report: &mut Report) -> AccessSettings {
    let path = KeyPath::new(["access"]);
    let keys = report.section("access").cloned().unwrap_or_default();
    let table: AccessTable = report.read(&path, keys).unwrap_or_default();
    let path = path.child("trusted_proxies");
    let ranges = table.trusted_proxies.iter().enumerate();
    let trusted_proxies =
        ranges.filter_map(|(index, text)| report.take(&path.child(index), address::range(text))).collect();
    AccessSettings { trusted_proxies }
}

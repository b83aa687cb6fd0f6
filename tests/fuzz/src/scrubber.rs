//! The scrubber: no text that it returns contains the credential.

use arbitrary::Unstructured;
use cofferdam::connectors::Scrubber;

/// A credential without any structure.
const SECRET: &str = "q7Zp2mXv9LrT4wBn";

/// The credential, somewhere in an arbitrary text, is removed.
pub fn scrubber(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let at = usize::from(data.arbitrary::<u8>().unwrap_or_default());
    let mut text = data.take_rest().to_vec();
    text.splice(at.min(text.len())..at.min(text.len()), SECRET.bytes());
    let clean = Scrubber::new([SECRET]).bytes(&text).into_owned();
    assert!(!clean.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "the credential is left");
}

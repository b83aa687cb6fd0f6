//! How much the search of one text may cost.

/// A text takes more work than any that is not made for it, or contains too many credentials.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// The work that is left for one text, in bytes that are looked at.
///
/// A search looks at every byte once for each view and for each view of a view, and at some bytes again where a credential
/// may begin. A text in which one may begin everywhere would take as long as the credential is, for every byte.
#[derive(Debug)]
pub(super) struct Work(usize);

impl Work {
    /// A text that has every view of every view, each as long as itself, takes 145 for each of its bytes.
    const PER_BYTE: usize = 256;

    /// The work for the search of a text of this many bytes.
    pub(super) fn for_text(bytes: usize) -> Self {
        Self(bytes.saturating_add(1024).saturating_mul(Self::PER_BYTE))
    }

    /// Takes `bytes` from what is left.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.0 = self.0.checked_sub(bytes).ok_or(TooMuch)?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.0
    }
}

//! What a connector derives from a credential, made once and dropped with it.

use std::any::Any;
use std::sync::{Arc, OnceLock};

/// A place for a value that is derived from a secret and is as secret: headers, the scrubber.
///
/// A connector needs it for each call, and it is the same for each, because a credential belongs to one account of one
/// module. The broker does not know its type.
#[derive(Default)]
pub(crate) struct Derived(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Derived {
    /// Returns the value, which `make` makes unless it is there.
    ///
    /// # Errors
    ///
    /// That of `make`. Nothing is kept then.
    pub(crate) fn get_or_make<T: Send + Sync + 'static, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let kept = self.0.get().and_then(|kept| Arc::clone(kept).downcast().ok());
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let made = Arc::new(make()?);
        // Of two calls at once, the second keeps its own value for itself.
        let _ = self.0.set(Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_and_a_failure_is_not_kept() {
        let derived = Derived::default();
        assert_eq!(derived.get_or_make::<u8, _>(|| Err("refused")).unwrap_err(), "refused");
        let first = derived.get_or_make(|| Ok::<_, ()>(String::from("made"))).unwrap();
        let second = derived.get_or_make::<String, _>(|| Err("made again")).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, derived));
        assert_eq!(Arc::strong_count(&second), 1, "it is dropped with the credential");
    }
}

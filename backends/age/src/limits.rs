//! The limits of what is read and computed.

/// Maximum size of a vault file: 300 times what 1,000 ordinary tokens take.
pub(crate) const VAULT_MAX_BYTES: usize = 16 << 20;

/// Maximum size of a file of keys. An RSA key of 16,384 bits takes 13 KiB.
pub(crate) const KEYS_MAX_BYTES: usize = 1 << 20;

/// Maximum scrypt work factor of a file, as the binary logarithm of N: 2^20 takes 1 GiB of memory and some seconds. `age`
/// writes 2^18, `rage` what takes its machine a second.
pub(crate) const MAX_LOG_N: u8 = 20;

//! How secrets are encrypted between a client and the daemon: `dh-ietf1024-sha256-aes128-cbc-pkcs7`, the algorithm of the
//! Secret Service's specification.
//!
//! It keeps secrets out of a recording of the bus and out of buffers of the D-Bus library. It does not authenticate, and
//! need not: the bus delivers messages, and whoever controls the bus can ask the daemon itself.

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};
use crypto_bigint::{Encoding as _, U256, U1024};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::content::Bytes;

/// The name of the algorithm.
pub(crate) const ALGORITHM: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/// The length of a block, of the key and of an initialization vector, in bytes.
const BLOCK: usize = 16;

/// The length of a public key, in bytes.
const PUBLIC_KEY: usize = 128;

/// The prime of the Second Oakley Group (RFC 2409); its generator is 2.
const PRIME: U1024 = U1024::from_be_hex(concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
));

/// Our side of the key exchange. A private key of 256 bits is more than three times as strong as the group.
pub(crate) struct KeyExchange {
    private: Zeroizing<U256>,
    public: [u8; PUBLIC_KEY],
}

impl KeyExchange {
    /// A new key pair. Takes a millisecond or more. `None` if the system has no random bytes.
    pub(crate) fn new() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).ok()?;
        let private = Zeroizing::new(U256::from_be_bytes(*bytes));
        let public = power(&U1024::from_u8(2), &private).to_be_bytes();
        Some(Self { private, public })
    }

    /// The key to send.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// The key of both sides, from the other's public key. Takes a millisecond or more. `None` if that is not one.
    pub(crate) fn agree(self, theirs: &[u8]) -> Option<SessionKey> {
        let mut padded = [0; PUBLIC_KEY];
        padded.get_mut(PUBLIC_KEY.checked_sub(theirs.len())?..)?.copy_from_slice(theirs);
        let theirs = U1024::from_be_bytes(padded);
        // 0, 1 and -1 would make a key that everyone knows.
        if theirs <= U1024::ONE || theirs >= PRIME.wrapping_sub(&U1024::ONE) {
            return None;
        }
        let shared = Zeroizing::new(power(&theirs, &self.private).to_be_bytes());
        let mut key = Zeroizing::new([0; BLOCK]);
        Hkdf::<Sha256>::new(None, &*shared).expand(&[], &mut *key).ok()?;
        Some(SessionKey(key))
    }
}

fn power(base: &U1024, exponent: &U256) -> U1024 {
    DynResidue::new(base, DynResidueParams::new(&PRIME)).pow(exponent).retrieve()
}

/// The key of one session. Wiped on drop.
pub(crate) struct SessionKey(Zeroizing<[u8; BLOCK]>);

impl SessionKey {
    /// Decrypts what the daemon sent; `None` if it was not encrypted with this key.
    pub(crate) fn decrypt(&self, vector: &[u8], encrypted: Vec<u8>) -> Option<Bytes> {
        let mut bytes = Zeroizing::new(encrypted);
        let cipher = cbc::Decryptor::<Aes128>::new_from_slices(&*self.0, vector).ok()?;
        let length = cipher.decrypt_padded_mut::<Pkcs7>(&mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }

    /// Encrypts `bytes`. Returns the initialization vector and the result. `None` if the system has no random bytes.
    pub(crate) fn encrypt(&self, bytes: &[u8]) -> Option<([u8; BLOCK], Vec<u8>)> {
        let mut vector = [0; BLOCK];
        getrandom::fill(&mut vector).ok()?;
        let mut buffer = Zeroizing::new(vec![0; bytes.len() + BLOCK]);
        buffer[..bytes.len()].copy_from_slice(bytes);
        let cipher = cbc::Encryptor::<Aes128>::new_from_slices(&*self.0, &vector).ok()?;
        let encrypted = cipher.encrypt_padded_mut::<Pkcs7>(&mut buffer, bytes.len()).ok()?;
        Some((vector, encrypted.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> (SessionKey, SessionKey) {
        let (ours, theirs) = (KeyExchange::new().unwrap(), KeyExchange::new().unwrap());
        let (our_public, their_public) = (ours.public_key().to_vec(), theirs.public_key().to_vec());
        (ours.agree(&their_public).unwrap(), theirs.agree(&our_public).unwrap())
    }

    #[test]
    fn both_sides_have_one_key() {
        let (ours, theirs) = exchange();
        for bytes in [&b""[..], b"canary", &[7; 16], &[0xff; 1000]] {
            let (vector, encrypted) = ours.encrypt(bytes).unwrap();
            assert_eq!(encrypted.len() % BLOCK, 0);
            assert!(bytes.is_empty() || !encrypted.windows(bytes.len()).any(|part| part == bytes));
            assert_eq!(*theirs.decrypt(&vector, encrypted).unwrap(), bytes);
        }
    }

    #[test]
    fn what_was_encrypted_otherwise_is_refused() {
        let (ours, _) = exchange();
        let (vector, encrypted) = ours.encrypt(&[1; 15]).unwrap();
        assert!(ours.decrypt(&vector[1..], encrypted.clone()).is_none());
        assert!(ours.decrypt(&vector, encrypted[1..].to_vec()).is_none());
        assert!(ours.decrypt(&vector, Vec::new()).is_none());
        let (other, _) = exchange();
        assert_ne!(other.decrypt(&vector, encrypted).map(|bytes| bytes.to_vec()), Some(vec![1; 15]));
    }

    #[test]
    fn a_public_key_that_makes_a_known_key_is_refused() {
        let minus_one = PRIME.wrapping_sub(&U1024::ONE).to_be_bytes();
        for key in [&[][..], &[0], &[1], &minus_one, &PRIME.to_be_bytes(), &[2; 129]] {
            assert!(KeyExchange::new().unwrap().agree(key).is_none(), "{key:?}");
        }
        assert!(KeyExchange::new().unwrap().agree(&[2]).is_some(), "leading zeros may be left out");
    }
}

//! JSON Web Tokens that are signed here, with an RSA key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::SecretString;

/// How a token is signed, by RFC 7518.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    Rs256,
    /// RSA with PSS padding and SHA-256.
    Ps256,
}

/// A key that is not an RSA private key in PEM. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RSA private key in PEM")]
pub struct InvalidKey;

/// Signs `claims` with the RSA private key in `pem`, and returns the token. `header` may have members besides `alg` and
/// `typ`. Takes milliseconds of computing, so it runs on [`Threads`](crate::Threads).
///
/// # Errors
///
/// If `pem` holds no RSA private key, or one that is too small.
pub fn sign_jwt(
    algorithm: JwtAlgorithm,
    mut header: Map<String, Value>,
    claims: &Map<String, Value>,
    pem: &[u8],
) -> Result<SecretString, InvalidKey> {
    let (name, padding) = match algorithm {
        JwtAlgorithm::Rs256 => ("RS256", &RSA_PKCS1_SHA256),
        JwtAlgorithm::Ps256 => ("PS256", &RSA_PSS_SHA256),
    };
    header.insert("alg".to_owned(), name.into());
    header.insert("typ".to_owned(), "JWT".into());
    let key = match PrivateKeyDer::from_pem_slice(pem) {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(InvalidKey),
    };
    let key = key.map_err(|_| InvalidKey)?;
    let mut token = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), token.as_bytes(), &mut signature).map_err(|_| InvalidKey)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
    Ok(token.into())
}

/// The value of `x5t#S256` in a header: the SHA-256 thumbprint of the first certificate in `pem`. `None` without one.
pub fn certificate_thumbprint(pem: &[u8]) -> Option<String> {
    let der = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&der)))
}

fn encode(part: &Map<String, Value>) -> String {
    // Names, numbers and strings: cannot fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    };
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    /// An RSA key of 2,048 bits, made for this test: in PKCS #8, and the same in PKCS #1.
    const PKCS8: &str = include_str!("../../tests/fixtures/rsa.pem");
    const PKCS1: &str = include_str!("../../tests/fixtures/rsa-pkcs1.pem");

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_token_is_verified_by_the_public_key() {
        let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(PKCS8.as_bytes()).unwrap() else {
            panic!()
        };
        let public = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap().public_key().as_ref().to_vec();
        for pem in [PKCS8, PKCS1] {
            for (algorithm, name, verification) in [
                (JwtAlgorithm::Rs256, "RS256", &RSA_PKCS1_2048_8192_SHA256),
                (JwtAlgorithm::Ps256, "PS256", &RSA_PSS_2048_8192_SHA256),
            ] {
                let (header, claims) = (object(json!({"kid": "k1"})), object(json!({"iss": "a", "exp": 7})));
                let token = sign_jwt(algorithm, header, &claims, pem.as_bytes()).unwrap();
                let (signed, signature) = token.expose_secret().rsplit_once('.').unwrap();
                let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
                UnparsedPublicKey::new(verification, &public).verify(signed.as_bytes(), &signature).unwrap();
                let (header, payload) = signed.split_once('.').unwrap();
                let part = |part| -> Value {
                    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
                };
                assert_eq!(part(header), json!({"kid": "k1", "alg": name, "typ": "JWT"}));
                assert_eq!(part(payload), json!({"iss": "a", "exp": 7}));
            }
        }
    }

    #[test]
    fn a_thumbprint_is_that_of_the_first_certificate() {
        // `openssl x509 -fingerprint -sha256`, as base64url.
        let pem = include_bytes!("../../tests/fixtures/short.pem");
        assert_eq!(
            certificate_thumbprint(pem).as_deref(),
            Some("CyTG69Ts5w_QKEU_45Z_SA005N1x6VApwly2P9aopF4")
        );
        assert_eq!(certificate_thumbprint(PKCS8.as_bytes()), None);
    }

    #[test]
    fn anything_but_an_rsa_key_is_refused() {
        let certificate_and_ec_key = include_str!("../../tests/fixtures/short.pem");
        for pem in ["", "canary", certificate_and_ec_key] {
            let signed = sign_jwt(JwtAlgorithm::Rs256, Map::new(), &Map::new(), pem.as_bytes());
            assert_eq!(signed.map(drop), Err(InvalidKey), "{pem}");
        }
    }
}

//! Diagnoses when certificates expire: those of the settings, and the server's own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cofferdam_config::{Diagnostic, Severity, Text, quote, text};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

use super::client::HttpClient;
use super::message::Request;
use super::pem::Pem;
use super::transport::TlsFiles;
use crate::Threads;
use crate::expiry::TimeLeft;

/// Below this, a certificate is worth a notice: renewing one takes other people.
const NOTICE_BELOW: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How many certificates of a file must be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// A certificate and its chain.
    All,
    /// CA certificates: an old one may be next to its successor.
    Any,
}

/// Rates when the certificates of `tls` expire, for [`Vault::diagnose`](crate::Vault::diagnose). Reads no key.
pub async fn diagnose_certificate_files(tls: TlsFiles, threads: &Threads) -> Vec<Diagnostic> {
    let check = move || {
        let now = now();
        let ca = tls.ca.as_ref().and_then(|file| ca(file, now));
        let client = tls.certificate.as_ref().and_then(|file| client(file, now));
        Ok(ca.into_iter().chain(client).collect())
    };
    // If no thread is free, the probe reports it.
    threads.run(check).await.unwrap_or_default()
}

/// Rates when the server's certificate expires. `request` is sent without a login, and its response is not read.
///
/// `None` without TLS. If the certificate has expired, the connection fails, and the probe reports it.
pub async fn diagnose_certificate(client: &HttpClient, request: &Request) -> Option<Diagnostic> {
    let expiry = client.certificate(request).await.map(|der| expiry(&der))?;
    let help = "renew it on the server, and make the server reload it";
    rate("the server's certificate", expiry.map(|expiry| vec![expiry]), Needed::All, help, now())
}

fn ca(pem: &Pem, now: Duration) -> Option<Diagnostic> {
    let what = text!("the CA certificate{}", location(pem, " in "));
    let help = "add its successor there, next to the old one";
    rate(what, expiries(pem)?, Needed::Any, help, now)
}

fn client(pem: &Pem, now: Duration) -> Option<Diagnostic> {
    let what = text!("the client certificate{}", location(pem, " "));
    let help = "replace it and its key; both are read again when a connection fails";
    rate(what, expiries(pem)?, Needed::All, help, now)
}

/// The path of a file, after `before`; empty for what is part of other settings, which their owner names.
fn location(pem: &Pem, before: &'static str) -> Text {
    pem.file().map_or_else(Text::default, |file| text!("{before}{}", quote::path(file.path())))
}

/// The expiry of every certificate in it. The inner `None` means that one of them cannot be parsed.
///
/// If a file cannot be read, the probe reports it.
fn expiries(pem: &Pem) -> Option<Option<Vec<Time>>> {
    let pem = pem.read().ok()?;
    Some(CertificateDer::pem_slice_iter(&pem).map(|der| expiry(&der.ok()?)).collect())
}

fn expiry(der: &[u8]) -> Option<Time> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate().validity().not_after)
}

/// Rates `what`, whose certificates expire at `expiries`; `None` if there is no certificate.
fn rate(
    what: impl Into<Text>,
    expiries: Option<Vec<Time>>,
    needed: Needed,
    help: &'static str,
    now: Duration,
) -> Option<Diagnostic> {
    let what = what.into();
    let Some(mut expiries) = expiries else {
        let what = text!("{what} cannot be parsed, so its expiry is unknown");
        return Some(Diagnostic::warning("", what, "check it with `openssl x509 -noout -enddate`"));
    };
    expiries.sort_unstable_by_key(|expiry| expiry.to_unix_duration());
    let at = |expiry: &Time| rate_one(&what, expiry, help, now);
    let (first, last) = (at(expiries.first()?), at(expiries.last()?));
    Some(match needed {
        Needed::All => first,
        Needed::Any if last.severity == Severity::Info && first.severity != Severity::Info => {
            Diagnostic::warning(
                "",
                text!("{}, but another one there is valid for longer", first.message),
                help,
            )
        }
        Needed::Any => last,
    })
}

fn rate_one(what: &Text, expiry: &Time, help: &'static str, now: Duration) -> Diagnostic {
    let at = Text::unchecked(expiry);
    match expiry.to_unix_duration().checked_sub(now) {
        None => Diagnostic::error("", text!("{what} expired at {at}"), help),
        Some(left) if left < NOTICE_BELOW => {
            Diagnostic::warning("", text!("{what} expires in {} (at {at})", TimeLeft(left)), help)
        }
        Some(_) => Diagnostic::info("", text!("{what} is valid until {at}")),
    }
}

/// The time since the Unix epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{ConfiguredFile, Protection};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// When the certificates below were created, as a time since 1970.
    const CREATED: Duration = Duration::from_secs(1_796_010_555);

    /// A certificate that expires after one day, and its key.
    const SHORT: &str = include_str!("../../tests/fixtures/short.pem");

    /// A certificate that expires after a hundred days, and its key.
    const LONG: &str = include_str!("../../tests/fixtures/long.pem");

    #[test]
    fn an_expiry_is_reported_in_advance() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            ConfiguredFile::new(folder.path().join(name), "the file", Protection::Integrity).into()
        };
        let level = |text: &str, check: fn(&Pem, Duration) -> Option<Diagnostic>, later: u32| {
            fs::write(folder.path().join("file.pem"), text).unwrap();
            let found = check(&file("file.pem"), CREATED + DAY * later);
            assert!(!format!("{found:?}").contains("PRIVATE"), "a key was printed");
            found.map(|found| found.severity)
        };
        let both = format!("{SHORT}{LONG}");
        for (text, later, of_client, of_ca) in [
            (SHORT, 0, Severity::Warning, Severity::Warning),
            (SHORT, 2, Severity::Error, Severity::Error),
            (LONG, 0, Severity::Info, Severity::Info),
            (LONG, 90, Severity::Warning, Severity::Warning),
            (both.as_str(), 0, Severity::Warning, Severity::Warning),
            (both.as_str(), 2, Severity::Error, Severity::Warning),
            (both.as_str(), 200, Severity::Error, Severity::Error),
        ] {
            assert_eq!(level(text, client, later), Some(of_client), "in {later} days");
            assert_eq!(level(text, ca, later), Some(of_ca), "in {later} days");
        }
        let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for check in [client, ca] {
            assert_eq!(level(invalid, check, 0), Some(Severity::Warning));
            // If there is none, the probe reports it.
            assert_eq!(level("", check, 0), None);
        }
        assert_eq!(client(&file("absent"), CREATED), None);
    }
}

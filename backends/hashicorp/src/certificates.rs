//! When certificates end: those that the settings name, and the server's own.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cofferdam_config::{Diagnostic, Severity};
use cofferdam_vault::Threads;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

use crate::client::Client;
use crate::examine::Span;
use crate::files;
use crate::settings::TlsFiles;

/// A certificate that ends within this time should be known: to renew one takes other people.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How many of the certificates that stand together must be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// A certificate, and those that its authority is known by.
    All,
    /// Authorities: an old one may stand beside its successor.
    Any,
}

/// When the certificates in the files of `tls` end. No key is looked at.
pub(crate) async fn of_files(tls: TlsFiles, threads: &Threads) -> Vec<Diagnostic> {
    let look = move || {
        let now = now();
        let authorities = tls.ca.as_deref().and_then(|path| authorities(path, now));
        let client = tls.certificate.as_deref().and_then(|path| client(path, now));
        Ok(authorities.into_iter().chain(client).collect())
    };
    // A thread that cannot be had is the probe's to tell.
    threads.run(look).await.unwrap_or_default()
}

/// When the server's certificate ends. Where it has ended, there is no connection, and the probe tells why.
pub(crate) async fn of_server(client: &Client) -> Option<Diagnostic> {
    let end = client.certificate().await.map(|der| end(&der))?;
    let remedy = "renew it on the server, and let the server read it anew (SIGHUP)";
    judge("the server's certificate", end.map(|end| vec![end]), Needed::All, remedy, now())
}

fn authorities(path: &Path, now: Duration) -> Option<Diagnostic> {
    let what = format!("the certificate authority in {}", path.display());
    let remedy = "put its successor into that file, beside the old one";
    judge(&what, ends(path, "file of certificate authorities")?, Needed::Any, remedy, now)
}

fn client(path: &Path, now: Duration) -> Option<Diagnostic> {
    let what = format!("the client certificate {}", path.display());
    let remedy = "put a new one there with its key; both are read anew at the next login";
    judge(&what, ends(path, "client certificate")?, Needed::All, remedy, now)
}

/// The ends of all certificates in the file at `path`; inside it is `None` where one of them is none.
///
/// That the file cannot be read is the probe's to tell.
fn ends(path: &Path, what: &str) -> Option<Option<Vec<Time>>> {
    let pem = files::read(path, what).ok()?;
    Some(CertificateDer::pem_slice_iter(&pem).map(|der| end(&der.ok()?)).collect())
}

fn end(der: &[u8]) -> Option<Time> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate().validity().not_after)
}

/// What is to be said of `what`, whose certificates have these `ends`; nothing of none.
fn judge(
    what: &str,
    ends: Option<Vec<Time>>,
    needed: Needed,
    remedy: &str,
    now: Duration,
) -> Option<Diagnostic> {
    let Some(mut ends) = ends else {
        let what = format!("{what} is written in a way that is not understood, so its end is not known");
        return Some(Diagnostic::warning("", what, "look at it with `openssl x509 -noout -enddate`"));
    };
    ends.sort_unstable_by_key(|end| end.to_unix_duration());
    let at = |end: &Time| one(what, end, remedy, now);
    let (first, last) = (at(ends.first()?), at(ends.last()?));
    Some(match needed {
        Needed::All => first,
        Needed::Any if last.severity == Severity::Info && first.severity != Severity::Info => {
            Diagnostic::warning("", format!("{}, but another one there lasts longer", first.message), remedy)
        }
        Needed::Any => last,
    })
}

fn one(what: &str, end: &Time, remedy: &str, now: Duration) -> Diagnostic {
    match end.to_unix_duration().checked_sub(now) {
        None => Diagnostic::error("", format!("{what} ended at {end}"), remedy),
        Some(left) if left < SOON => {
            Diagnostic::warning("", format!("{what} ends in {} (at {end})", Span(left)), remedy)
        }
        Some(_) => Diagnostic::info("", format!("{what} is valid until {end}")),
    }
}

/// Since 1970, as certificates count.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// A certificate that ends in so many days, in PEM with its key.
    fn made(folder: &Path, days: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cofferdam"]);
        command.args(["-days", days, "-keyout", "made", "-out", "made.pem"]).current_dir(folder);
        let output = command.output().expect("the tests need `openssl`; install it (Debian: openssl)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ["made.pem", "made"].map(|name| fs::read_to_string(folder.join(name)).unwrap()).concat()
    }

    #[test]
    fn an_end_is_told_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (short, long) = (made(folder.path(), "1"), made(folder.path(), "100"));
        let path = folder.path().join("file.pem");
        let level = |text: &str, look: fn(&Path, Duration) -> Option<Diagnostic>, later: u32| {
            fs::write(&path, text).unwrap();
            let found = look(&path, now() + DAY * later);
            assert!(!format!("{found:?}").contains("PRIVATE"), "a key was told");
            found.map(|found| found.severity)
        };
        let both = format!("{short}{long}");
        for (text, later, of_client, of_authorities) in [
            (&short, 0, Severity::Warning, Severity::Warning),
            (&short, 2, Severity::Error, Severity::Error),
            (&long, 0, Severity::Info, Severity::Info),
            (&long, 90, Severity::Warning, Severity::Warning),
            (&both, 0, Severity::Warning, Severity::Warning),
            (&both, 2, Severity::Error, Severity::Warning),
            (&both, 200, Severity::Error, Severity::Error),
        ] {
            assert_eq!(level(text, client, later), Some(of_client), "in {later} days");
            assert_eq!(level(text, authorities, later), Some(of_authorities), "in {later} days");
        }
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for look in [client, authorities] {
            assert_eq!(level(nonsense, look, 0), Some(Severity::Warning));
            // That there is none is the probe's to tell.
            assert_eq!(level("", look, 0), None);
        }
        assert_eq!(client(&folder.path().join("absent"), now()), None);
    }
}

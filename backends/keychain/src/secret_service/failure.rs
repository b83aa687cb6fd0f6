//! Turns errors of the bus and of the daemon into [`VaultError`]s.
//!
//! Messages hold the names of errors and never their texts, which a program on the bus writes.

use std::io;

use cofferdam_config::quote;
use cofferdam_vault::{ErrorKind, VaultError};
use zbus::{Error, fdo};

use crate::bus_address::BusAddress;

/// Why a call to the daemon failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The object is locked.
    Locked,
    /// The object does not exist, or no longer.
    Gone,
    /// Anything else, which concerns the whole vault.
    Vault(VaultError),
}

impl Failure {
    /// The error of an object that exists for sure: the service, or its default collection.
    pub(crate) fn of_vault(self) -> VaultError {
        match self {
            Self::Locked => locked(),
            Self::Gone => unavailable("the keychain's default collection was removed; try again"),
            Self::Vault(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use fdo::Error as Standard;
        let vault = |kind, message: &str| Self::Vault(VaultError::vault(kind, message));
        match &error {
            Error::FDO(error) => match &**error {
                Standard::UnknownObject(_) | Standard::UnknownMethod(_) | Standard::UnknownInterface(_) => {
                    Self::Gone
                }
                Standard::AccessDenied(_) | Standard::AuthFailed(_) => vault(
                    ErrorKind::Denied,
                    "the session bus does not allow this program to use the Secret Service; change the bus's or the sandbox's rules",
                ),
                Standard::LimitsExceeded(_) | Standard::NoMemory(_) => {
                    vault(ErrorKind::Throttled, "the session bus has reached a limit; try again later")
                }
                Standard::ServiceUnknown(_)
                | Standard::NameHasNoOwner(_)
                | Standard::SpawnExecFailed(_)
                | Standard::SpawnForkFailed(_)
                | Standard::SpawnChildExited(_)
                | Standard::SpawnChildSignaled(_)
                | Standard::SpawnFailed(_)
                | Standard::SpawnFailedToSetup(_)
                | Standard::SpawnConfigInvalid(_)
                | Standard::SpawnServiceNotValid(_)
                | Standard::SpawnServiceNotFound(_)
                | Standard::SpawnPermissionsInvalid(_)
                | Standard::SpawnFileInvalid(_)
                | Standard::SpawnNoMemory(_) => Self::Vault(no_daemon()),
                Standard::NoReply(_)
                | Standard::Disconnected(_)
                | Standard::Timeout(_)
                | Standard::TimedOut(_) => Self::Vault(unavailable(ENDED)),
                Standard::ZBus(error) => Self::from(error.clone()),
                _ => Self::Vault(unexpected(&error_name(error))),
            },
            Error::MethodError(name, ..) => match name.as_str() {
                "org.freedesktop.Secret.Error.IsLocked" => Self::Locked,
                "org.freedesktop.Secret.Error.NoSuchObject" => Self::Gone,
                "org.freedesktop.Secret.Error.NoSession" => Self::Vault(unavailable(ENDED)),
                name => Self::Vault(unexpected(name)),
            },
            Error::InputOutput(_) => Self::Vault(unavailable(ENDED)),
            _ => Self::Vault(unexpected("")),
        }
    }
}

/// The connection ended during the call.
const ENDED: &str =
    "the session bus or the program that provides the Secret Service ended during the call; try again";

fn error_name(error: &fdo::Error) -> String {
    use zbus::DBusError as _;
    error.name().to_string()
}

/// The program behind the Secret Service returned what its specification does not allow, or the error `name`.
pub(crate) fn unexpected(name: &str) -> VaultError {
    let what = quote::identifier(name)
        .map_or_else(|| "an unexpected reply".to_owned(), |name| format!("the error {name}"));
    let message = format!(
        "the program that provides the Secret Service returned {what}; see its log, or use GNOME Keyring or KWallet"
    );
    VaultError::vault(ErrorKind::Malformed, message)
}

/// Connecting to the bus at `address` failed.
pub(crate) fn of_connecting(error: &Error, address: &BusAddress) -> VaultError {
    let io = match error {
        Error::InputOutput(io) | Error::Connection(io, _) => io.kind(),
        Error::Handshake(_) => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    match io {
        io::ErrorKind::PermissionDenied => {
            let message = format!(
                "the session bus at {address} belongs to another user; run the server as the user whose keychain it is"
            );
            VaultError::vault(ErrorKind::Misconfigured, message)
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            let message = format!(
                "there is no session bus at {address}; log in to a session of this user, or set `bus_address` in the profile"
            );
            VaultError::vault(ErrorKind::Unavailable, message)
        }
        _ => unavailable(&format!("the session bus at {address} closed the connection; check that it runs")),
    }
}

/// The environment's address is not that of a Unix socket.
pub(crate) fn not_a_socket() -> VaultError {
    let message = "DBUS_SESSION_BUS_ADDRESS of the environment is not the address of a Unix socket; set `bus_address` in the \
                   profile, for example to \"unix:path=/run/user/1000/bus\"";
    VaultError::vault(ErrorKind::Misconfigured, message)
}

/// The default collection is locked.
pub(crate) fn locked() -> VaultError {
    unavailable(
        "the keychain is locked; unlock it, for example in Passwords and Keys (Seahorse) or KWalletManager, or log in to the \
         desktop with your password",
    )
}

/// There is no default collection.
pub(crate) fn no_collection() -> VaultError {
    unavailable(
        "the Secret Service has no default keychain; create one, for example in Passwords and Keys (Seahorse) or \
         KWalletManager",
    )
}

/// Nothing provides the Secret Service.
pub(crate) fn no_daemon() -> VaultError {
    unavailable(
        "no program provides the Secret Service on the session bus; start one: GNOME Keyring, KWallet or KeePassXC",
    )
}

/// The system has no random bytes.
pub(crate) fn no_random_bytes() -> VaultError {
    unavailable("the system returned no random bytes; try again later")
}

fn unavailable(message: &str) -> VaultError {
    VaultError::vault(ErrorKind::Unavailable, message)
}

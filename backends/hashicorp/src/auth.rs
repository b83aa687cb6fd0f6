//! The key `auth`: how this server logs in. It holds no secrets, only the files that contain them.

use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The table `auth`.
pub struct Auth(pub(crate) AuthTable);

/// How to log in. Roles and names are those that the server's operator assigned.
// No `Debug`: a secret may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthTable {
    /// The method. `token`: `token_file`. `approle`: `role_id`, and `secret_id_file` or `secret_id_wrapped_file`.
    /// `kubernetes`: `role`. `jwt`: `jwt_file`, `role`. `cert`: the client certificate, `name`. `userpass`: `username`,
    /// `password_file`.
    pub(crate) method: Method,
    /// The method's mount below `auth/`. Absent: the method's own name. Not for `token`.
    pub(crate) mount: Option<String>,
    /// `token`: a file with the token. The token is renewed, and the file is read again when it expires. It is never
    /// revoked, because it was not issued to this server. A token that may not look itself up is not renewed.
    pub(crate) token_file: Option<PathBuf>,
    /// `approle`: the role ID.
    pub(crate) role_id: Option<String>,
    /// `approle`: a file with the secret ID, read at each login.
    pub(crate) secret_id_file: Option<PathBuf>,
    /// `approle`: a file with a response-wrapping token of the secret ID. It is unwrapped once, and the secret ID is kept in
    /// memory. Another token in the file is unwrapped at the next login.
    pub(crate) secret_id_wrapped_file: Option<PathBuf>,
    /// `kubernetes`, `jwt`: the role. Absent for `jwt`: the method's default role.
    pub(crate) role: Option<String>,
    /// `jwt`, `kubernetes`: a file with the JWT, read at each login. Absent for `kubernetes`: the service account's token at
    /// its standard path.
    pub(crate) jwt_file: Option<PathBuf>,
    /// `cert`: the certificate role. Absent: the server tries all roles.
    pub(crate) name: Option<String>,
    /// `userpass`: the user's name.
    pub(crate) username: Option<String>,
    /// `userpass`: a file with the password, read at each login.
    pub(crate) password_file: Option<PathBuf>,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) token: Literal,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) secret_id: Literal,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) jwt: Literal,
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) password: Literal,
}

/// A login method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// A token from a file.
    Token,
    /// A role ID and a secret ID.
    Approle,
    /// A Kubernetes service account.
    Kubernetes,
    /// A JWT.
    Jwt,
    /// The client certificate.
    Cert,
    /// A user name and a password.
    Userpass,
}

impl Method {
    /// The method's name in a profile, which is also its default mount.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Approle => "approle",
            Self::Kubernetes => "kubernetes",
            Self::Jwt => "jwt",
            Self::Cert => "cert",
            Self::Userpass => "userpass",
        }
    }
}

/// Whether a forbidden key is present. Its value may be a secret and is not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Literal {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Literal {
    /// Accepts a value of any type, so that no type error prints it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IgnoredAny).map(|_| Self::Present)
    }
}

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TableOnly)
    }
}

/// Accepts a table. Refuses any other value (a pasted token) without printing it.
struct TableOnly;

const NOT_A_TABLE: &str = "`auth` must be a table, for example { method = \"token\", token_file = \"…\" }";

impl<'de> Visitor<'de> for TableOnly {
    type Value = Auth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Auth, A::Error> {
        AuthTable::deserialize(MapAccessDeserializer::new(map)).map(Auth)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Auth, E> {
        Err(E::custom(NOT_A_TABLE))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Auth, E> {
        Err(E::custom(NOT_A_TABLE))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Auth, E> {
        Err(E::custom(NOT_A_TABLE))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Auth, E> {
        Err(E::custom(NOT_A_TABLE))
    }
}

impl JsonSchema for Auth {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HashicorpAuth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        AuthTable::json_schema(generator)
    }
}

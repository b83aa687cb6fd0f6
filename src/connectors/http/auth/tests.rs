use cofferdam_vault::{Secret, Stage, Version};
use serde_json::{Value, json};

use super::*;
use crate::broker::Derived;

fn credential(fields: &[(&str, &str)]) -> Credential {
    let fields =
        fields.iter().map(|(name, text)| (name.parse().unwrap(), SecretString::from(*text))).collect();
    Credential {
        module: "svc".into(),
        account: "default".into(),
        stage: Stage::Current,
        secret: Secret { fields, version: Version::new("1"), valid_for: None, lease: None },
        lease: None,
        derived: Derived::default(),
    }
}

fn render(spec: Value, fields: &[(&str, &str)]) -> Result<AppliedAuth, CallFailure> {
    AppliedAuth::new(&serde_json::from_value(spec).unwrap(), &credential(fields))
}

fn put(spec: Value, fields: &[(&str, &str)], url: &str) -> (Url, HeaderMap) {
    let (mut url, mut headers) = (Url::parse(url).unwrap(), HeaderMap::new());
    render(spec, fields).unwrap().apply(&mut url, &mut headers, false).unwrap();
    (url, headers)
}

#[test]
fn each_kind_goes_where_it_belongs() {
    let (_, headers) = put(json!({ "kind": "bearer" }), &[("token", "t0ken")], "https://a.example/");
    assert_eq!(headers[AUTHORIZATION], "Bearer t0ken");
    let (_, headers) =
        put(json!({ "kind": "basic" }), &[("username", "me"), ("password", "pw")], "https://a.example/");
    assert_eq!(headers[AUTHORIZATION], "Basic bWU6cHc=");
    let spec = json!({ "kind": "header", "headers": { "x-app": "{app}", "x-key": "v1 {key}" } });
    let (_, headers) = put(spec, &[("app", "a1"), ("key", "k1")], "https://a.example/");
    assert_eq!((&headers["x-app"], &headers["x-key"]), (&"a1".parse().unwrap(), &"v1 k1".parse().unwrap()));
    let spec = json!({ "kind": "query", "params": { "key": "{token}" } });
    let (url, _) = put(spec, &[("token", "a&b=c d")], "https://a.example/x?y=1&key=reflected");
    assert_eq!(url.as_str(), "https://a.example/x?y=1&key=a%26b%3Dc%20d");
}

#[test]
fn its_headers_are_marked_sensitive() {
    let (_, headers) = put(json!({ "kind": "bearer" }), &[("token", "t0ken")], "https://a.example/");
    assert!(headers[AUTHORIZATION].is_sensitive());
    assert!(!format!("{headers:?}").contains("t0ken"));
}

#[test]
fn what_a_header_cannot_carry_is_reported_without_its_value() {
    for bad in ["hunter22\n", "hunter\r\nx: y", " hunter22", "hunter\u{e9}22", "hunter\0"] {
        let Err(failure) = render(json!({ "kind": "bearer" }), &[("token", bad)]) else {
            panic!("{bad:?} was accepted")
        };
        assert!(matches!(failure, CallFailure::CredentialUnusable { .. }));
        assert!(!format!("{failure:?}").contains("hunter"), "{failure:?}");
        let message = failure.to_string();
        assert!(message.contains("`token`") && message.contains("store it again without"), "{message}");
    }
}

#[test]
fn white_space_around_a_field_is_refused_in_every_kind() {
    for bad in ["hunter22\n", " hunter22", "hunter22\r\n", "\u{feff}hunter22", "hunter\n22"] {
        for (spec, fields) in [
            (json!({ "kind": "bearer" }), &[("token", bad)][..]),
            (json!({ "kind": "header", "headers": { "x-key": "v1 {key}" } }), &[("key", bad)]),
            (json!({ "kind": "query", "params": { "key": "{token}" } }), &[("token", bad)]),
            (json!({ "kind": "basic" }), &[("username", "me"), ("password", bad)]),
            (json!({ "kind": "basic" }), &[("username", bad), ("password", "pw")]),
        ] {
            let failure = render(spec, fields).err().unwrap_or_else(|| panic!("{bad:?} was accepted"));
            assert!(matches!(failure, CallFailure::CredentialUnusable { .. }));
            assert!(!failure.to_string().contains("hunter"), "{failure}");
        }
    }
}

#[test]
fn a_missing_or_empty_field_never_becomes_an_empty_credential() {
    for fields in [&[][..], &[("token", "")]] {
        let failure = render(json!({ "kind": "bearer" }), fields).err();
        assert!(matches!(failure, Some(CallFailure::CredentialUnusable { .. })));
    }
    assert!(render(json!({ "kind": "basic" }), &[("username", ""), ("password", "")]).is_err());
    assert!(render(json!({ "kind": "basic" }), &[("username", "a:b"), ("password", "x")]).is_err());
    assert!(render(json!({ "kind": "basic" }), &[("username", "key"), ("password", "")]).is_ok());
}

#[test]
fn no_credential_travels_over_plain_http_beyond_loopback() {
    let auth = render(json!({ "kind": "bearer" }), &[("token", "t0ken")]).unwrap();
    let put = |url: &str, insecure| {
        let mut headers = HeaderMap::new();
        let result = auth.apply(&mut Url::parse(url).unwrap(), &mut headers, insecure);
        assert_eq!(result.is_ok(), headers.contains_key(AUTHORIZATION));
        result.is_ok()
    };
    assert!(!put("http://a.example/", false));
    assert!(!put("http://10.0.0.1/", false));
    assert!(put("http://a.example/", true));
    assert!(put("http://127.0.0.1:1/", false));
    assert!(put("http://localhost/", false));
    assert!(put("https://a.example/", false));
}

#[test]
fn a_user_name_is_removed_whole_and_not_where_only_its_beginning_is() {
    const SECRET: &str = "q7Zp2mXv9LrT4wBn";
    let scrub = |spec: &Value, fields: &[(&str, &str)], text: &str| {
        let auth = render(spec.clone(), fields).unwrap();
        auth.scrubber(&credential(fields)).text(text).into_owned()
    };
    let basic = json!({ "kind": "basic" });
    let person = [("username", "ada.lovelace@example.com"), ("password", SECRET)];
    assert_eq!(scrub(&basic, &person, "written by ada.lovelace"), "written by ada.lovelace");
    for (text, clean) in [
        ("written by ada.lovelace@example.com", "written by [credential removed]"),
        ("it is q7Zp2mXv9", "it is [credential removed]"),
        ("ada.lovelace@example.com:q7Zp2mXv9", "[credential removed]"),
    ] {
        assert_eq!(scrub(&basic, &person, text), clean);
    }
    // A user name may be the secret: beside an empty password, or as the password, too.
    for (spec, fields) in [
        (basic, vec![("username", SECRET), ("password", "")]),
        (json!({ "kind": "basic", "username": "{token}", "password": "{token}" }), vec![("token", SECRET)]),
    ] {
        assert_eq!(scrub(&spec, &fields, "it is q7Zp2mXv9"), "it is [credential removed]", "{spec}");
    }
}

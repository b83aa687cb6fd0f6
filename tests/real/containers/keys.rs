//! Where the keys of the staging are, and where they must not be.

use crate::stack::Stack;

/// The prefix of Vault's tokens, and the smallest number of characters after it.
const TOKEN: (&[u8], usize) = (b"hvs.", 24);

/// Cofferdam's container sees neither the unseal key nor a token of Vault.
pub(crate) fn are_not_visible(stack: &Stack) {
    let key = unseal_key(stack);
    let container = stack.container("cofferdam");
    let inspected = stack.inspect("cofferdam");
    let mut seen = vec![
        ("docker inspect".to_owned(), inspected.to_string().into_bytes()),
        ("its output".to_owned(), stack.docker(&["logs", &container])),
    ];
    for mount in inspected["Mounts"].as_array().unwrap() {
        let path = mount["Destination"].as_str().unwrap();
        assert_eq!(mount["RW"], false, "{path}: nothing in it can be written");
        seen.push((path.to_owned(), stack.docker(&["cp", &format!("{container}:{path}"), "-"])));
    }
    // The image was made before these keys, and its file system is read-only.
    assert!(!holds(&stack.docker(&["export", &container]), key.as_bytes()), "the unseal key is in its files");
    for (place, content) in &seen {
        assert!(!holds(content, key.as_bytes()), "the unseal key is in {place}");
        assert!(!holds_token(content), "a token of Vault is in {place}");
    }
    // The search finds a token, so that it proves something.
    assert!(holds_token(b"token=hvs.CAESIJlU9JMYEhOPYv4igdhm ") && !holds_token(b"`hvs.` and more"));
    let login = login(stack);
    let found: Vec<_> = seen.iter().filter(|(_, content)| holds(content, login.as_bytes())).collect();
    assert_eq!(found.len(), 1, "the login is in one place");
    assert_eq!(found[0].0, "/run/logins");
    let ci = seen.iter().find(|(place, _)| place == "/run/secrets").unwrap();
    assert!(holds(&ci.1, stack.tokens.ci.as_bytes()));
}

/// The login that the bootstrap wrote for Cofferdam.
pub(crate) fn login(stack: &Stack) -> String {
    let container = stack.container("cofferdam");
    let archive = stack.docker(&["cp", &format!("{container}:/run/logins/github-secret-id"), "-"]);
    // One file in a tar: its head of 512 bytes, then a UUID.
    let login = String::from_utf8(archive[512..548].to_vec()).unwrap();
    assert_eq!(login.matches('-').count(), 4, "{login}");
    login
}

/// Vault has no root token except the one that this function creates with the unseal key.
pub(crate) fn leave_no_root_token(stack: &Stack) {
    let script = r#"set -eu
        vault operator generate-root -cancel >/dev/null
        begun=$(vault operator generate-root -init 2>/dev/null)
        nonce=$(echo "$begun" | sed -n 's/^Nonce  *//p'); otp=$(echo "$begun" | sed -n 's/^OTP  *\([^ ]*\)$/\1/p')
        encoded=$(vault operator generate-root -nonce="$nonce" - </unseal/key | sed -n 's/^Encoded Token  *//p')
        VAULT_TOKEN=$(vault operator generate-root -decode="$encoded" -otp="$otp"); export VAULT_TOKEN
        for accessor in $(vault list auth/token/accessors | sed 1,2d); do
            vault write -field=policies auth/token/lookup-accessor accessor="$accessor"
        done
        vault token revoke -self >/dev/null"#;
    let container = stack.container("unseal");
    let policies = String::from_utf8(stack.docker(&["exec", &container, "sh", "-c", script])).unwrap();
    assert_eq!(policies.matches("root").count(), 1, "{policies}");
    assert!(policies.contains("cofferdam-github"), "Cofferdam's own login is there: {policies}");
}

fn unseal_key(stack: &Stack) -> String {
    let key = stack.docker(&["exec", &stack.container("unseal"), "cat", "/unseal/key"]);
    let key = String::from_utf8(key).unwrap();
    assert!(key.len() >= 40, "a key");
    key
}

fn holds_token(content: &[u8]) -> bool {
    let (start, length) = TOKEN;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    content
        .windows(start.len() + length)
        .any(|window| window.starts_with(start) && window[start.len()..].iter().all(is_part))
}

fn holds(content: &[u8], searched: &[u8]) -> bool {
    content.windows(searched.len()).any(|window| window == searched)
}

//! Hostile profiles: secrets in the wrong place, and damaged files.

use super::*;

const CANARY: &str = "c4nary-8f1e-do-not-print";

#[test]
fn a_secret_in_a_profile_is_rejected_and_never_printed() {
    let vault = "[vaults.main]\nbackend = \"store\"\naddress = \"https://store.example\"\n";
    let module = "[modules.github]\nvault = \"main\"\n";
    let c = CANARY;
    for text in [
        format!("{vault}token = \"{c}\"\n{module}"),
        format!("{vault}passphrase = \"{c}\"\n{module}"),
        format!("{vault}tokn = \"{c}\"\n{module}"),
        format!("{vault}port = \"{c}\"\n{module}"),
        format!("{vault}auth = {{ method = \"approle\", role_id = \"r\", secret_id = \"{c}\" }}\n{module}"),
        format!("{vault}auth = {{ method = \"token\", token = [\"{c}\"] }}\n{module}"),
        format!("{vault}auth = \"{c}\"\n{module}"),
        format!("{vault}{module}api_key = {{ value = \"{c}\" }}\n"),
        format!("{vault}{module}base_url = \"https://me:{c}@git.example\"\n"),
        format!("{vault}{module}base_url = \"https://git.example/?access={c}\"\n"),
        format!("{vault}{module}base_url = \"{c}\"\n"),
        format!("{vault}{module}path = \"{c}\"\n"),
        format!("{vault}token = \"{c}\n{module}"),
        format!("{vault}token = {c} {c}\n{module}"),
        format!("{vault}token = \"{c}\"\ntoken = \"{c}\"\n{module}"),
        c.to_owned(),
        format!("token = '{c}"),
    ] {
        let error = load_text(&text).map(|_| ()).expect_err(&text);
        let json = serde_json::to_string(&error).unwrap();
        // A secret that is used as a key is printed as a key. Only values are hidden.
        for printed in [error.report(), error.to_string(), format!("{error:?}"), json] {
            assert!(!printed.contains(c), "{text}\n{printed}");
        }
    }
}

#[test]
fn a_secret_is_reported_with_what_to_do_instead() {
    let found = problems(
        "[vaults.main]\nbackend = \"store\"\naddress = \"https://x.example\"\n\
         auth = { method = \"approle\", role_id = \"r\", secret_id = \"x\" }\npassword = \"x\"\n",
    );
    assert_eq!(
        found[0],
        "p.toml:4:45  vaults.main.auth.secret_id: unknown key, and a profile must not contain secrets; its value \
         was not read; put the secret into a file, and name the file: `secret_id_file`"
    );
    assert_eq!(
        found.last().unwrap(),
        "p.toml:5:1  vaults.main.password: unknown key, and a profile must not contain secrets; its value was not \
         read; remove it; the credentials of a module belong in its vault"
    );
}

#[test]
fn every_mistake_of_syntax_is_reported() {
    let found = problems("a = \n[server\nlisten = 1\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("p.toml:1:5  not valid TOML: "), "{found:?}");
    assert!(found[1].starts_with("p.toml:2:8  not valid TOML: unclosed table, expected `]`; "), "{found:?}");
}

#[test]
fn no_cut_of_a_profile_panics_and_every_rejection_names_a_line() {
    for (_, text) in shipped::SHIPPED {
        for (end, _) in text.char_indices().step_by(3) {
            rejected_with_lines(&text[..end]);
        }
    }
}

#[test]
fn no_flipped_byte_panics_and_every_rejection_names_a_line() {
    let mut random = fastrand::Rng::with_seed(7);
    for (_, text) in shipped::SHIPPED {
        // Comments would only swallow the flips.
        let bare: String =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        let syntax = b"\"'[]{}=.,#\n\\ \t0a-_\0";
        for _ in 0..3000 {
            let mut bytes = bare.clone().into_bytes();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = if random.bool() { syntax[random.usize(..syntax.len())] } else { random.u8(..) };
            }
            rejected_with_lines(&String::from_utf8_lossy(&bytes));
        }
    }
}

fn rejected_with_lines(text: &str) {
    let Err(error) = load_text(text) else { return };
    assert!(!error.problems.is_empty());
    for problem in error.problems {
        assert!(
            problem.location.as_ref().is_some_and(|location| location.line >= Some(1)),
            "{problem}\n{text}"
        );
    }
}

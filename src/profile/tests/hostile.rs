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
        for printed in [error.report(), error.to_string(), json] {
            assert!(!printed.contains(c), "{text}\n{printed}");
        }
    }
}

/// What people paste: credentials of services, a UUID, a JWT, a key, and what no prefix reveals.
const PASTED: [&str; 6] = [
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "hvs.CAESIJ2Gt5nQZ0pZzBkpuXkzNHsaBxvGAB12",
    "550e8400-e29b-41d4-a716-446655440000",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZ",
    "wJalrXUtnFEMI7K7MDENG7bPxRfiCYEXAMPLEKEY",
    "mfrggzdfmztwq2lkmfrggzdfmztwq2lk",
];

/// The lines of a profile as `key = value`, with the places where one can paste: a header's name, a key, a string.
fn planted(text: &str, secret: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let with = |at: usize, line: String| {
        let changed =
            |(index, old): (usize, &&str)| if index == at { line.clone() } else { (*old).to_owned() };
        lines.iter().enumerate().map(changed).collect::<Vec<_>>().join("\n")
    };
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(header) = line.strip_prefix('[') {
            let table = header.split(['.', ']']).next().unwrap();
            all.extend([with(at, format!("[{table}.\"{secret}\"]")), with(at, format!("[\"{secret}\"]"))]);
            continue;
        }
        let key = line.split('=').next().unwrap();
        all.extend([with(at, format!("{key}= \"{secret}\"")), with(at, format!("{key}= {secret}"))]);
        all.extend([
            with(at, format!("{key}= [\"{secret}\"]")),
            with(at, format!("{key}= {{ \"{secret}\" = 1 }}")),
        ]);
        all.extend([with(at, format!("\"{secret}\" = 1\n{line}")), with(at, format!("{line}\n{secret}"))]);
        for (start, quote) in line.match_indices('"').step_by(2) {
            let end = line[start + 1..].find(quote).unwrap() + start + 2;
            all.push(with(at, format!("{}\"{secret}\"{}", &line[..start], &line[end..])));
        }
    }
    all
}

/// A profile that is accepted may hold the value in a setting that is never printed, such as the address of a service.
#[cfg(all(
    feature = "age",
    feature = "aws",
    feature = "env",
    feature = "file",
    feature = "hashicorp",
    feature = "keychain"
))]
#[test]
fn a_credential_pasted_anywhere_is_never_printed() {
    let every_key = include_str!("../../../tests/fixtures/v0.1.0/profiles/every-key.toml");
    let texts = shipped::SHIPPED.iter().map(|(_, text)| *text).chain([every_key]);
    for text in texts {
        let bare: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let positions = planted(&bare.join("\n"), "SECRET");
        for (text, secret) in positions.iter().zip(PASTED.iter().cycle()) {
            let text = text.replace("SECRET", secret);
            let printed = match load_real(&source(&text), &Overrides::default()) {
                Ok(profile) => printed_later(profile),
                Err(error) => format!("{error}{}{}", error.report(), serde_json::to_string(&error).unwrap()),
            };
            assert!(!printed.contains(secret), "{secret} in\n{text}\nprints\n{printed}");
        }
    }
}

/// What a server prints of a profile that it accepts.
fn printed_later(profile: Profile) -> String {
    let mut printed = profile.warnings.to_string();
    for module in profile.modules {
        printed += &format!("{} {} {} {:?} ", module.name, module.vault, module.manifest, module.accounts);
    }
    for vault in profile.vaults {
        let threads = cofferdam_vault::Threads::new(vault.name.as_str(), 1);
        let base_dir = PathBuf::from("/site");
        let context = VaultContext { name: vault.name, base_dir, threads, prompt: None };
        printed += &format!("{:?}", vault.settings.into_vault(context).info());
    }
    printed
}

#[test]
fn a_credential_in_a_variable_is_never_printed() {
    for secret in PASTED {
        for (name, value) in [
            (format!("COFFERDAM__{secret}"), "1"),
            (format!("COFFERDAM__VAULTS__MAIN__{secret}"), "1"),
            (format!("COFFERDAM__VAULTS__{secret}__ADDRESS"), "1"),
            ("COFFERDAM__SERVER__MAX_CALLS".to_owned(), secret),
            ("COFFERDAM__SERVER__LISTEN".to_owned(), secret),
            ("COFFERDAM__VAULTS__MAIN__DEADLINE".to_owned(), secret),
            ("COFFERDAM__MODULES__GITHUB__VAULT".to_owned(), secret),
            ("COFFERDAM__MODULES__GITHUB__ACCOUNTS".to_owned(), secret),
        ] {
            let overrides = Overrides::from_environment([(name.into(), value.into())]);
            let error = load(&source(GOOD), &overrides).map(|_| ()).expect_err("this variable is wrong");
            let printed = format!("{error}{}{}", error.report(), serde_json::to_string(&error).unwrap());
            assert!(!printed.contains(secret), "{printed}");
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

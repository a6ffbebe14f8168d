//! Neither a secret nor the value of a variable is ever shown.

use std::path::Path;

use tieout::pipeline::{Environment, Pipeline, Transport};

use super::{INVALID, VALID, environment, files, parse};

const CANARY: &str = "canary-5f2c";

#[test]
fn a_secret_is_known_to_the_one_who_asks_and_shown_to_nobody() {
    let pipeline = parse(VALID).expect("is right");
    assert!(!format!("{pipeline:?}").contains("canary"));
    assert!(!pipeline.canonical.to_string().contains("canary"));
    let Transport::Smtp(smtp) = pipeline.delivery.transport else { panic!("mail leaves by smtp") };
    assert_eq!(smtp.password.expect("a password").reveal(), "opensesame-canary");
}

#[test]
fn no_problem_shows_a_secret() {
    for file in files(INVALID) {
        let problems = Pipeline::load(&file, &environment()).expect_err("is wrong");
        let serialised = serde_json::to_string(&problems).expect("serialises");
        assert!(!serialised.contains("canary"), "{serialised}");
    }
}

#[test]
fn a_secret_is_not_shown_however_it_came_into_the_file() {
    let password = "password: env:SMTP_PASSWORD";
    let indent = "\n        ";
    let written = [
        format!("password: {CANARY}"),
        format!("pasword: {CANARY}"),
        format!("passphrase_token: \"{CANARY}\""),
        format!("password: |{indent}{CANARY}\n"),
        format!("password: >-{indent}first{indent}{CANARY}\n"),
        format!("password:{indent}{CANARY}\n"),
        format!("password: [{CANARY}]"),
        format!("password: {{value: {CANARY}, prot: 1}}"),
        format!("password: !secret {CANARY}"),
        format!("password: \"{CANARY}"),
        format!("password: {CANARY}: {CANARY}"),
        format!("password: *{CANARY}"),
        format!("password: {CANARY}\n      password: {CANARY}"),
        format!("password: \"{CANARY}\\0\""),
        format!("password: '{CANARY}\u{202e}'"),
        format!("password: env:{CANARY}/x"),
    ];
    for line in written {
        let problems = parse(&VALID.replace(password, &line)).expect_err(&line);
        let shown = serde_json::to_string(&problems).expect("serialises") + &problems.to_string();
        assert!(!shown.contains(CANARY), "{line}:\n{problems}");
    }
}

#[test]
fn no_problem_shows_what_a_variable_holds() {
    let mut environment = environment();
    environment.insert("CANARY".to_owned(), CANARY.to_owned());
    environment.insert("ADDRESS".to_owned(), format!("Somebody <somebody@{CANARY}.example>"));
    environment.insert("PLACE".to_owned(), format!("ftp://{CANARY}/{CANARY}"));
    for (index, line) in VALID.lines().enumerate() {
        let Some((key, _)) = line.split_once(": ") else { continue };
        for variable in ["${CANARY}", "x${CANARY}y", "[\"${CANARY}\"]", "[\"${ADDRESS}\"]", "${ADDRESS}", "${PLACE}"] {
            let mut lines: Vec<String> = VALID.lines().map(str::to_owned).collect();
            lines[index] = format!("{key}: {variable}");
            let text = lines.join("\n");
            let file = Path::new("/shop/pipelines/totals.yaml");
            let Err(problems) = Pipeline::parse(file, text.as_bytes(), &environment) else { continue };
            assert!(!problems.to_string().contains(CANARY), "{key}: {variable}\n{problems}");
        }
    }
}

#[test]
fn a_plain_option_may_be_a_secret_too_and_a_secret_one_has_to() {
    let options = "  options: {aws_region: env:STORE_KEY, aws_access_key_id: env:STORE_KEY}\n";
    let outputs = "  outputs: ../published\n";
    let pipeline = parse(&VALID.replace(outputs, &format!("{outputs}{options}"))).expect("is right");
    assert!(!format!("{:?}", pipeline.storage).contains("canary"));
}

#[cfg(unix)]
#[test]
fn a_secret_file_is_read_when_nobody_else_can() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (file, secret) = (folder.path().join("shop.yaml"), folder.path().join("password"));
    std::fs::write(&file, VALID.replace("env:SMTP_PASSWORD", "file:password")).expect("writes");
    let load = |content: &str, mode: u32| {
        std::fs::write(&secret, content).expect("writes");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).expect("sets");
        Pipeline::load(&file, &Environment::new())
    };
    let Transport::Smtp(smtp) = load("canary\n", 0o600).expect("is right").delivery.transport else { panic!("smtp") };
    assert_eq!(smtp.password.expect("a password").reveal(), "canary");
    for (content, mode) in [("canary", 0o644), ("", 0o600), ("\n", 0o600)] {
        let problems = load(content, mode).expect_err("is refused");
        assert_eq!(problems.0[0].code, "E116");
        assert!(!problems.to_string().contains("canary"));
    }
    std::fs::remove_file(&secret).expect("removes");
    assert_eq!(Pipeline::load(&file, &Environment::new()).expect_err("is missing").0[0].code, "E116");
}

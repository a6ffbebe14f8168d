//! `deliveries`: what a person sees of the mails, and what they decide.

use serde_json::Value;

use crate::fixtures::project::{Ended, Project};
use crate::fixtures::relays::MailRelay;
use crate::fixtures::smtp::Script;

const FILE: &str = "pipelines/postings.yaml";

struct Office {
    project: Project,
    relay: MailRelay,
}

impl Office {
    /// A project with operators, and a run against a relay that behaves like this.
    async fn after_run(script: Script) -> (Self, Ended) {
        let relay = MailRelay::scripted(script).await;
        let project = Project::new();
        project.pipeline("{directory: ../outbox}", &relay.transport);
        project.pipeline(
            "allow_domains: [shop.example]",
            "allow_domains: [shop.example]\n  operators: ['Ops <ops@shop.example>']",
        );
        let office = Self { project, relay };
        let ended = office.run().await;
        (office, ended)
    }

    async fn run(&self) -> Ended {
        let (running, environment) = (self.project.path("."), self.relay.environment.clone());
        tokio::task::spawn_blocking(move || {
            let args = ["run", FILE, "--period", "2026-10"];
            crate::fixtures::project::tieout_with(&running, &args, &environment)
        })
        .await
        .expect("runs")
    }

    async fn deliveries(&self, args: &[&str]) -> Ended {
        let (folder, environment) = (self.project.path("."), self.relay.environment.clone());
        let args: Vec<String> = ["deliveries", FILE].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            crate::fixtures::project::tieout_with(&folder, &args, &environment)
        })
        .await
        .expect("runs")
    }

    async fn listed(&self) -> Value {
        let ended = self.deliveries(&["list", "--output", "json"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let listed: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        listed["mails"][0].clone()
    }

    async fn id(&self) -> String {
        self.listed().await["id"].as_str().expect("an id").to_owned()
    }

    async fn decide(&self, verb: &str, flags: &[&str]) -> Ended {
        let id = self.id().await;
        let args: Vec<&str> = [verb, &id]
            .into_iter()
            .chain(flags.iter().copied())
            .chain(["--by", "Ann", "--reason", "asked them"])
            .collect();
        self.deliveries(&args).await
    }

    fn copies(&self, address: &str) -> usize {
        self.relay.accepted(address).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_listed_and_told_to_the_operators_and_a_person_ends_it() {
    // The notice is lost on the way too, which changes nothing.
    let (office, first) = Office::after_run(Script { gone_at: Some("dot"), ..Script::default() }).await;
    assert_eq!(first.code, 80, "{first:?}");
    let mail = office.listed().await;
    assert_eq!((mail["state"].as_str(), mail["attempts"].as_u64()), (Some("in doubt"), Some(1)), "{mail}");
    assert_eq!((mail["report"].as_str(), mail["recipient"].as_str()), (Some("monthly"), Some("f***@shop.example")));
    office.relay.behave(Script::default());
    assert_eq!(office.run().await.code, 80);
    assert_eq!(office.copies("ops@shop.example"), 1, "in doubt as well, and held");

    let ended = office.decide("resolve", &["--has-it"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let mail = office.listed().await;
    assert_eq!(
        (mail["state"].as_str(), mail["by"].as_str(), mail["said"].as_str()),
        (Some("accepted"), Some("Ann"), Some("asked them"))
    );
    assert_eq!(office.run().await.code, 0);
    assert_eq!(office.copies("fin@shop.example"), 1);
    let again = office.decide("resolve", &["--send-again"]).await;
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("error[E631]"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrived_is_sent_again_by_the_next_run() {
    let (office, first) = Office::after_run(Script { gone_at: Some("lost"), ..Script::default() }).await;
    assert_eq!((first.code, office.copies("fin@shop.example")), (80, 0), "{first:?}");
    office.relay.behave(Script::default());
    assert_eq!(office.decide("resend", &[]).await.code, 2, "a doubt is resolved");
    assert_eq!(office.decide("resolve", &["--send-again"]).await.code, 0);
    assert_eq!(office.listed().await["state"].as_str(), Some("to be sent"));
    let second = office.run().await;
    assert_eq!((second.code, office.copies("fin@shop.example")), (0, 1), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_rejected_is_told_to_the_operators_once_and_can_be_sent_it_again() {
    let refuse = vec![("RCPT TO:<fin@", "550 5.1.1 no such user")];
    let (office, first) = Office::after_run(Script { replies: refuse, ..Script::default() }).await;
    assert_eq!(first.code, 80, "{first:?}");
    for _ in 0..2 {
        assert_eq!(office.run().await.code, 0, "reported already");
    }
    assert_eq!(office.copies("ops@shop.example"), 1);
    let notice = mail_parser::MessageParser::default()
        .parse(&office.relay.accepted("ops@shop.example")[0])
        .expect("a message")
        .into_owned();
    assert_eq!(notice.subject(), Some("NOT DELIVERED: 1 of postings 2026-10"));
    let text = notice.body_text(0).expect("a text").into_owned();
    let id = office.id().await;
    assert!(text.contains(&format!("f***@shop.example: rejected, id {id}")) && text.contains("550 5.1.1"), "{text}");

    office.relay.behave(Script::default());
    let ended = office.decide("resend", &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("accepted (2.0.0 queued"), "{ended:?}");
    assert_eq!(office.decide("resend", &[]).await.code, 0, "and once more");
    let accepted = office.relay.accepted("fin@shop.example");
    assert_eq!((accepted.len(), &accepted[0]), (2, &accepted[1]), "the stored bytes");
    assert_eq!(office.listed().await["attempts"].as_u64(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_names_one_mail_and_says_who_and_why() {
    let (office, first) = Office::after_run(Script::default()).await;
    assert_eq!(first.code, 0, "{first:?}");
    let id = office.id().await;
    let why = ["--by", "Ann", "--reason", "asked them"];
    let with = |args: &[&'static str]| [args, &why].concat();
    for (args, code) in [
        (with(&["resend", "0123456789ab"]), "error[E630]"),
        (with(&["resend", "abc"]), "error[E630]"),
        (vec!["resend", id.as_str(), "--by", " ", "--reason", "x"], "error[E633]"),
        (vec!["resend", id.as_str(), "--by", "Ann", "--reason", "x\ny"], "error[E633]"),
        (vec!["resend", id.as_str(), "--by", "Ann"], "--reason"),
        (vec!["resolve", id.as_str(), "--by", "Ann", "--reason", "x"], "--has-it"),
    ] {
        let ended = office.deliveries(&args).await;
        assert!(ended.code == 2 && ended.stderr.contains(code), "{args:?}: {ended:?}");
    }
    assert_eq!(office.copies("fin@shop.example"), 1);
    let text = office.deliveries(&["list", "--period", "2026-10"]).await.stdout;
    assert!(
        text.contains(&format!("{id}  2026-10 monthly r1 (publication 1) to f***@shop.example: accepted")),
        "{text}"
    );
    assert_eq!(office.deliveries(&["list", "--period", "2026-09"]).await.stdout.trim(), "postings: 0 mails");
    assert!(!text.contains("fin@"), "{text}");
}

#[test]
fn before_the_first_publication_there_is_nothing_to_list() {
    let ended = Project::new().tieout(&["deliveries", FILE, "list"]);
    assert_eq!(ended.code, 66, "{ended:?}");
}

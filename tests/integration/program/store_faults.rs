//! The program against a store that misbehaves: at every kind of object, each way in which a store can fail.
//!
//! Whatever happens, what readers see is one whole publication; the run ends with the right result or with the code that
//! the table says; and the next run, with which nothing fails, leaves the same as if nothing ever had.

mod shop;
mod table;

use futures::StreamExt as _;

use self::shop::Template;
use self::table::{Case, cases};

/// Cases at the same time.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_store_does_the_figures_are_right_or_not_there_and_the_next_run_makes_good() {
    let template = Template::new().await;
    let cases = cases();
    let wrong: Vec<Vec<String>> =
        futures::stream::iter(&cases).map(|case| tried(&template, case)).buffered(AT_ONCE).collect().await;
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What is wrong with how a case went.
async fn tried(template: &Template, case: &Case) -> Vec<String> {
    let shop = template.copied().await;
    let server = shop.server();
    for plan in &case.plans {
        server.plan_next(plan.method.clone(), plan.part, plan.times, plan.fault.clone());
    }
    let began = std::time::Instant::now();
    let faulty = shop.run().await;
    let took = began.elapsed();
    let left = server.still_planned();
    server.be_well();
    let between = shop.published().await;
    let next = shop.run().await;
    let after = shop.published().await;
    let mut wrong = Vec::new();
    let mut expect = |right: bool, what: String| {
        if !right {
            wrong.push(format!("{}: {what}", case.what));
        }
    };
    expect(faulty.code == case.code, format!("{} instead of {}: {faulty:?}", faulty.code, case.code));
    expect(left <= case.spared, format!("{left} plans did not come about"));
    expect(took.as_secs() < 30, format!("it took {took:?}"));
    expect(faulty.code != 0 || between == template.second, format!("ended well, but {between:?}"));
    expect(between == template.first || between == template.second, format!("readers see {between:?}"));
    expect(next.code == case.next, format!("the next run ended with {}: {next:?}", next.code));
    expect(after == template.second, format!("in the end readers see {after:?}"));
    expect(shop.entries().await == 2, format!("{} entries", shop.entries().await));
    expect(shop.mails() == 1, format!("{} mails", shop.mails()));
    wrong
}

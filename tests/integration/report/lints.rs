//! Mistakes in templates are found when they are loaded, all of them, with their place.

use std::path::Path;

use super::escaping::load;
use tieout::report::Texts;

/// Code and place of every problem that a body has.
fn problems(html: &str) -> Vec<String> {
    let Err(problems) = load("s", html, "t") else { return Vec::new() };
    let place = |problem: &tieout::problem::Problem| {
        let place = problem.place.as_ref().expect("a place");
        format!(
            "{} {}:{}:{} {}",
            problem.code,
            place.file.display(),
            place.line.unwrap_or(0),
            place.column.unwrap_or(0),
            problem.message
        )
    };
    problems.0.iter().map(place).collect()
}

#[test]
fn an_unknown_name_is_found_also_inside_if() {
    assert_eq!(
        problems("{% if perod == '2026' %}\n{% elif not replcaes %}{% endif %}"),
        [
            "E601 reports/x/body.html:1:7 no value is called `perod`",
            "E601 reports/x/body.html:2:13 no value is called `replcaes`",
        ]
    );
}

#[test]
fn unknown_fields_are_found_through_loops_and_assignments() {
    let html = "{% for f in findings %}{{ f.severty }}{% endfor %}{% set t = tables.rows %}{{ t.rowz }}\
                {% if tables.nope.rows %}{% endif %}{{ placed['lots'] }}{{ period.x }}";
    assert_eq!(
        problems(html),
        [
            "E601 reports/x/body.html:1:29 `f` has nothing called `severty`",
            "E601 reports/x/body.html:1:81 `t` has nothing called `rowz`",
            "E601 reports/x/body.html:1:101 `tables` has nothing called `nope`",
            "E601 reports/x/body.html:1:134 `placed` has nothing called `lots`",
            "E601 reports/x/body.html:1:154 `period` has nothing called `x`",
        ]
    );
}

#[test]
fn what_is_known_raises_no_problem() {
    let html = "{% for row in tables.rows.rows | reverse %}{{ loop.index }}{{ row.anything }}{% endfor %}\
                {% for k, v in placed %}{{ k }}{{ v | default(value=period) }}{% endfor %}\
                {% set x = tables.rows.rows | length %}{% if x > 3 and period is starting_with(pat='2') %}{{ x }}{% endif %}\
                {{ 'a' ~ period ~ \"}}\" }}{# {{ nothing }} #}{% raw %}{{ nothing }}{% endraw %}{% set m = {'a': period} %}{{ m.a }}";
    assert_eq!(problems(html), Vec::<String>::new());
}

#[test]
fn a_component_sees_its_arguments_alone() {
    let html = "{% component c(a: string, b = 'x') %}{{ a }}{{ b }}{{ body }}{{ period }}{% endcomponent c %}\
                {% <c a={period}> %}{{ period }}{% </c> %}";
    assert_eq!(problems(html), ["E601 reports/x/body.html:1:65 no value is called `period`"]);
}

#[test]
fn columns_of_a_query_are_checked_once_they_are_known() {
    let html = "{% for row in tables.rows.rows %}{% if row.amuont %}{{ row.name }}{% endif %}{% endfor %}\
                {{ tables.rows.first.nmae }}{{ tables.rows.rows[0].amount }}";
    let report = load("s", html, "t").expect("loads");
    let problems = report.check_columns("rows", &["name", "amount"]);
    let found: Vec<_> = problems.iter().map(|problem| (problem.message.as_str(), problem.help.as_deref())).collect();
    assert_eq!(
        found,
        [
            ("`row` has nothing called `amuont`", Some("did you mean `amount`?")),
            ("`tables.rows.first` has nothing called `nmae`", Some("did you mean `name`?")),
        ]
    );
}

#[test]
fn ways_around_escaping_are_refused() {
    let codes = |html: &str| problems(html).iter().map(|problem| problem[..4].to_owned()).collect::<Vec<_>>();
    assert_eq!(codes("{{ period | safe }}"), ["E602"]);
    assert_eq!(codes("{{ period |safe|upper }}{% filter safe %}x{% endfilter %}"), ["E602", "E602"]);
    assert_eq!(codes("{{ __tera_context }}"), ["E602"]);
    assert_eq!(codes("<IMG src='https://x.example/p.gif'>"), ["E602"]);
    assert_eq!(codes("{% for i in range(end=100000) %}{% endfor %}"), ["E604"]);
    assert_eq!(codes("{% for i in range(end=10000) %}{% endfor %}"), Vec::<String>::new());
}

#[test]
fn a_mail_only_shows_things() {
    for active in [
        "<video src=x>",
        "<svg onload=alert(1)>",
        "<form action='https://x.example'>",
        "<input name=a>",
        "<base href='https://x.example/'>",
        "<p onclick='x()'>",
        "<p OnMouseOver = 'x()'>",
        "<td background='https://x.example/p.gif'>",
        "<a href='javascript:x()'>",
        "<a href='java&#x73;cript:x()'>",
        "<a href='{{ period }}'>",
        "<a href='data:text/html,x'>",
        "<meta http-equiv='refresh' content='0'>",
        "<p {{ period }}>",
        "<td class={{ period }}>",
        "<!--[if mso]><v:rect></v:rect><![endif]-->",
        "<{{ period }}>",
        "<p style='background: u\\72l(x)'>",
        "<scr{% if true %}ipt{% endif %}>",
    ] {
        let told = problems(&format!("text\n{active}"));
        assert!(!told.is_empty() && told.len() <= 2, "{active}: {told:?}");
        assert!(told[0].starts_with("E602 reports/x/body.html:2:"), "{active}: {told:?}");
    }
    for passive in [
        "<a href='https://shop.example/{{ period }}'>1 < 2</a>",
        "<a href=\"mailto:data@shop.example\">{{ owner }}</a>",
        "<td class=\"a{% if replaces %} b{% endif %}\" style='width: {{ revision }}%'>{{ \"<video>\" }}</td>",
        "<p{% if replaces %} class='x'{% endif %}>on the move, onload</p><br/>",
        "<!DOCTYPE html><html lang=en><head><meta charset=\"utf-8\"><title>x</title></head></html>",
        "{# <video> #}",
    ] {
        assert_eq!(problems(passive), Vec::<String>::new(), "{passive}");
    }
}

#[test]
fn syntax_and_missing_files_have_their_place() {
    assert_eq!(problems("a\n{% if %}")[0][..30], *"E600 reports/x/body.html:2:7 f");
    assert_eq!(problems("{% include 'nope.html' %}"), ["E603 reports/x/body.html:1:12 unknown template `nope.html`"]);
    assert_eq!(
        problems("{% extends 'nope.html' %}"),
        ["E603 reports/x/body.html:1:13 `body.html` extends `nope.html`, which is not there"]
    );
    assert_eq!(problems("{{ period | shout }}"), ["E600 reports/x/body.html:1:13 unknown filter `shout`"]);
}

#[test]
fn a_report_without_its_files_names_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("r");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(own.join("body.html.tera"), "x").expect("a file");
    let problems = Texts::read(&own).expect_err("a template of another ending");
    assert_eq!(problems.0[0].message, "`body.html.tera` is neither template nor query");
    assert!(Texts::read(Path::new("/nowhere/at/all")).is_err());
}

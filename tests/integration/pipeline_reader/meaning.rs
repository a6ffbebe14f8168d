//! What a right file means.

use std::path::Path;

use tieout::pipeline::{ColumnType, Param, Partition, Pipeline, Tls, Transport};

use super::{VALID, environment, parse};

#[test]
fn folders_become_urls_from_the_folder_of_the_file() {
    let pipeline = parse(VALID).expect("is right");
    assert_eq!(pipeline.storage.inputs.as_str(), "file:///shop/shop/");
    assert_eq!(pipeline.storage.outputs.as_str(), "file:///shop/published/");
    assert_eq!(pipeline.sources["sales"].files.as_str(), "file:///shop/shop/sales/month=*/*.parquet");
    assert_eq!(pipeline.models.directories, [Path::new("/shop/sql/marts")]);
}

#[test]
fn a_url_stays_as_it_is_with_its_pattern() {
    let text = VALID.replace("files: sales/", "files: s3://lake/raw/sales/").replace("../published", "gs://out/totals");
    let pipeline = parse(&text).expect("is right");
    assert_eq!(pipeline.sources["sales"].files.as_str(), "s3://lake/raw/sales/month=*/*.parquet");
    assert_eq!(pipeline.storage.outputs.as_str(), "gs://out/totals/");
}

#[test]
fn a_reference_table_is_beside_the_file() {
    let text = VALID
        .replace("files: sales/month=*/*.parquet", "reference: true\n    files: reference/sales.csv\n    format: csv")
        .replace("    partitions: {month: period}\n", "");
    let pipeline = parse(&text).expect("is right");
    assert_eq!(pipeline.sources["sales"].files.as_str(), "file:///shop/pipelines/reference/sales.csv");
}

#[test]
fn columns_and_partitions_keep_their_order_and_types() {
    let pipeline = parse(&VALID.replace("amount: decimal(18,2)", "amount: decimal( 18 , 2 ) null")).expect("is right");
    let source = &pipeline.sources["sales"];
    let names: Vec<&str> = source.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["sale_id", "sold_on", "amount"]);
    assert_eq!(source.columns[2].kind, ColumnType::Decimal { precision: 18, scale: 2 });
    assert!(source.columns[2].nullable && !source.columns[0].nullable);
    assert_eq!(source.partitions, [("month".to_owned(), Partition::Period)]);
}

#[test]
fn parameters_have_the_type_they_are_written_with() {
    let params = "params: {a: x, b: \"1\", c: 7, d: 0.030, e: true, f: {decimal: \"-1.50\"}, g: {date: \"2026-02-28\"}, \
                  h: 2026-02-28, i: '${SMTP_PASSWORD}', j: 1e3x}\n";
    let pipeline = parse(&format!("{VALID}{params}")).expect("is right");
    let param = |name: &str| pipeline.params[name].clone();
    assert_eq!(param("a"), Param::Text("x".to_owned()));
    assert_eq!(param("b"), Param::Text("1".to_owned()));
    assert_eq!(param("c"), Param::Integer(7));
    assert_eq!(param("d"), Param::Decimal { unscaled: 30, scale: 3 });
    assert_eq!(param("e"), Param::Boolean(true));
    assert_eq!(param("f"), Param::Decimal { unscaled: -150, scale: 2 });
    assert_eq!(param("g"), Param::Date(jiff::civil::date(2026, 2, 28)));
    assert_eq!(param("h"), Param::Text("2026-02-28".to_owned()));
    assert_eq!(param("i"), Param::Text("opensesame-canary".to_owned()));
}

#[test]
fn what_a_variable_holds_is_one_text_and_never_read_again() {
    let text = VALID.replace("Totals of a shop", "${TEXT}").replace("../shop", "${SHOP:-../fallback}");
    let mut environment = environment();
    environment.insert("TEXT".to_owned(), "a: [b, *c] # ${SHOP} \"".to_owned());
    let file = Path::new("/shop/pipelines/totals.yaml");
    let pipeline = Pipeline::parse(file, text.as_bytes(), &environment).expect("is right");
    assert_eq!(pipeline.description, "a: [b, *c] # ${SHOP} \"");
    assert_eq!(pipeline.storage.inputs.as_str(), "file:///shop/fallback/");
    let plain = parse(&VALID.replace("Totals of a shop", "costs $5 and $${NAME}")).expect("is right");
    assert_eq!(plain.description, "costs $5 and ${NAME}");
}

#[test]
fn a_variable_can_hold_a_number_or_a_word() {
    let text = VALID.replace("587", "${PORT:-2525}").replace("period: month\n", "period: ${PERIOD:-month}\n");
    let pipeline = parse(&text).expect("is right");
    let Transport::Smtp(smtp) = pipeline.delivery.transport else { panic!("mail leaves by smtp") };
    assert_eq!((smtp.port, smtp.tls), (2525, Tls::Required));
}

#[test]
fn the_zone_has_its_own_name_however_it_was_written() {
    let pipeline = parse(&VALID.replace("Europe/Berlin", "europe/berlin")).expect("is right");
    assert_eq!(pipeline.calendar.zone_name, "Europe/Berlin");
}

#[test]
fn plaintext_mail_is_allowed_to_this_machine_only() {
    for host in ["localhost", "127.0.0.1", "'::1'"] {
        let text =
            VALID.replace("mail.shop.example", host).replace("port: 587", "port: 25\n      tls: plaintext_loopback");
        parse(&text).expect(host);
    }
    for host in ["localhost.shop.example", "127.0.0.1.shop.example", "0.0.0.0", "10.0.0.1"] {
        let text =
            VALID.replace("mail.shop.example", host).replace("port: 587", "port: 25\n      tls: plaintext_loopback");
        assert!(parse(&text).expect_err(host).0.iter().any(|problem| problem.code == "E127"), "{host}");
    }
}

#[test]
fn the_canonical_form_keeps_what_matters_and_nothing_else() {
    let canonical = |text: &str| parse(text).expect("is right").canonical.to_string();
    let moved =
        format!("# a comment\n{}owner: data@shop.example\n", VALID.replacen("owner: data@shop.example\n", "", 1));
    assert_eq!(canonical(&moved), canonical(VALID));
    let reordered = VALID.replacen(
        "      sold_on: date\n      amount: decimal(18,2)\n",
        "      amount: decimal(18,2)\n      sold_on: date\n",
        1,
    );
    assert_ne!(canonical(&reordered), canonical(VALID));
    assert!(canonical(VALID).contains("env:SMTP_PASSWORD"));
}

#[test]
fn aliases_line_ends_and_a_byte_order_mark_are_understood() {
    let text = VALID.replacen("[sale_id]", "&key [sale_id]", 1).replace("grain: [sold_on]", "grain: *key");
    let text = text.replace(
        "        sold_on: date\n        amount",
        "        sold_on: date\n        sale_id: text\n        amount",
    );
    let pipeline = parse(&format!("\u{feff}{}", text.replace('\n', "\r\n"))).expect("is right");
    assert_eq!(pipeline.models.marts["totals"].grain, ["sale_id"]);
}

#[test]
fn nothing_is_mailed_without_a_report() {
    let end = VALID.find("reports:").expect("has reports");
    let pipeline = parse(&VALID[..end]).expect("is right");
    assert!(pipeline.reports.is_empty() && pipeline.audiences.is_empty());
}

#[test]
fn durations_and_sizes_are_whole_numbers_with_a_unit() {
    let with = |freshness: &str, memory: &str| {
        let text = VALID.replace(
            "    columns:\n      sale_id",
            &format!("    freshness: {freshness}\n    columns:\n      sale_id"),
        );
        parse(&format!("{text}engine: {{memory: {memory}}}\n"))
    };
    for (freshness, seconds) in [("45s", 45), ("90m", 5_400), ("6h", 21_600), ("2d", 172_800)] {
        let pipeline = with(freshness, "512MiB").expect(freshness);
        assert_eq!(pipeline.sources["sales"].freshness.map(|freshness| freshness.as_secs()), Some(seconds));
        assert_eq!(pipeline.engine.memory_bytes, Some(512 << 20));
    }
    for freshness in ["0d", "-1d", "1.5h", "d", "1ms", "1¡", "'1d ¡'", "9999999999999999d", "99999999999999999999d"] {
        assert_eq!(with(freshness, "1GiB").expect_err(freshness).0.len(), 1, "{freshness}");
    }
    for memory in ["0MiB", "-1GiB", "1GB", "GiB", "99999999999999999TiB", "1¡"] {
        assert_eq!(with("1d", memory).expect_err(memory).0.len(), 1, "{memory}");
    }
}

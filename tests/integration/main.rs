#[test]
fn a() {
    assert!(!tieout::VERSION.is_empty());
}

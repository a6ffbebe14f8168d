//! Numbers as they are printed, against arithmetic on their written digits.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, Decimal128Array, Float64Array, RecordBatch};
use proptest::prelude::*;
use tieout::pipeline::NumberFormat;
use tieout::report::{ReportError, Table, format};

#[test]
fn a_value_that_rounds_to_zero_has_no_sign() {
    assert_eq!(format::decimal(0, 2, NumberFormat::Money), "0.00");
    assert_eq!(format::decimal(-49, 4, NumberFormat::Money), "0.00");
    assert_eq!(format::decimal(-50, 4, NumberFormat::Money), "-0.01");
    assert_eq!(format::decimal(-4, 1, NumberFormat::Count), "0");
}

#[test]
fn every_format_has_one_style() {
    assert_eq!(format::decimal(123_456_789_012, 2, NumberFormat::Money), "1,234,567,890.12");
    assert_eq!(format::decimal(-1_000, 0, NumberFormat::Money), "-1,000.00");
    assert_eq!(format::decimal(999_999, 0, NumberFormat::Count), "999,999");
    assert_eq!(format::decimal(1_235, 4, NumberFormat::Percent), "12.4 %");
    assert_eq!(format::decimal(4_214, 3, NumberFormat::Multiple), "4.21x");
    assert_eq!(format::decimal(-1_234_500, 4, NumberFormat::Plain), "-123.4500");
    assert_eq!(format::decimal(5, -3, NumberFormat::Count), "5,000");
    assert_eq!(format::decimal(i128::MIN, 38, NumberFormat::Money), "-1.70");
}

/// Rounds written digits to two decimals, half away from zero, carrying by hand.
fn round_digits(negative: bool, digits: &str, scale: usize) -> String {
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let fraction = format!("{fraction:0<3}");
    let mut kept: Vec<u8> = format!("0{whole}{}", &fraction[..2]).into_bytes();
    if fraction.as_bytes()[2] >= b'5' {
        for digit in kept.iter_mut().rev() {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                break;
            }
        }
    }
    let text = String::from_utf8(kept).expect("digits");
    let (whole, cents) = text.split_at(text.len() - 2);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let zero = whole == "0" && cents == "00";
    format!("{}{whole}.{cents}", if negative && !zero { "-" } else { "" })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn money_equals_arithmetic_on_the_written_digits(unscaled in any::<i128>(), shift in 0_u32..127, scale in 0_i8..=38) {
        let unscaled = unscaled >> shift;
        let printed = format::decimal(unscaled, scale, NumberFormat::Money);
        let digits = unscaled.unsigned_abs().to_string();
        let expected = round_digits(unscaled < 0, &digits, usize::try_from(scale).expect("small"));
        prop_assert_eq!(printed.replace(',', ""), expected);
        let groups: Vec<&str> = printed.trim_start_matches('-').split('.').next().expect("whole").split(',').collect();
        prop_assert!(groups.iter().skip(1).all(|group| group.len() == 3) && groups[0].len() <= 3);
    }

    #[test]
    fn exact_numbers_read_back_as_they_were(unscaled in any::<i128>(), scale in 0_i8..=38) {
        let printed = format::exact(unscaled, scale);
        let digits = printed.replace('.', "");
        prop_assert_eq!(digits.parse::<i128>().expect("a number"), unscaled);
    }
}

fn table(column: ArrayRef) -> Result<Table, ReportError> {
    let batch = RecordBatch::try_from_iter([("amount", column)]).expect("a batch");
    Table::from_batches(&batch.schema(), std::slice::from_ref(&batch), &BTreeMap::new())
}

#[test]
fn a_decimal_beyond_its_type_is_an_error_and_no_plausible_figure() {
    let column = Decimal128Array::from(vec![123_456_789]).with_precision_and_scale(9, 2).expect("a type");
    assert_eq!(table(Arc::new(column)).expect("in range").rows[0][0].text, "1,234,567.89");
    let data = Decimal128Array::from(vec![123_456_789]).into_data().into_builder();
    let data = data.data_type(arrow::datatypes::DataType::Decimal128(5, 2)).build().expect("unchecked by the engine");
    let error = table(arrow::array::make_array(data)).expect_err("out of range");
    assert!(matches!(error, ReportError::OutOfRange { .. }), "{error}");
}

#[test]
fn a_float_is_not_printed() {
    let error = table(Arc::new(Float64Array::from(vec![0.1]))).expect_err("a float");
    assert_eq!(
        error.to_string(),
        "error[E606]: column `amount` has type Float64, which no report prints: cast it in the query"
    );
}

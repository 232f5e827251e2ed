//! How much longer the normalizers of a tokenizer can make a text.

use serde_json::Value;

/// The largest growth of a usable tokenizer; those of large models have less than a thousand.
const MOST: u64 = 1 << 16;

/// What is wrong with normalizers, in the form of a `tokenizer.json`, that can make a text too
/// long; None if they cannot.
pub(super) fn excess(normalizer: &Value) -> Option<String> {
    let growth = growth(normalizer);
    (growth > MOST).then(|| format!("its normalizers can make a text {growth} times as long"))
}

/// An upper bound of the bytes that one byte of text can become.
fn growth(normalizer: &Value) -> u64 {
    let length = |value: &Value| value.as_str().map_or(0, str::len) as u64;
    match normalizer["type"].as_str() {
        Some("Sequence") => {
            let parts = normalizer["normalizers"].as_array();
            parts.into_iter().flatten().map(growth).fold(1, u64::saturating_mul)
        }
        Some("Replace") => {
            let content = length(&normalizer["content"]);
            match length(&normalizer["pattern"]["String"]) {
                // A regular expression can match between all characters.
                0 => content + 1,
                replaced => content.div_ceil(replaced).max(1),
            }
        }
        Some("Prepend") => length(&normalizer["prepend"]) + 1,
        // One character of 3 bytes becomes 18 characters of 33 bytes.
        Some("NFKC" | "NFKD") => 11,
        Some("NFC" | "NFD" | "Lowercase" | "BertNormalizer") => 3,
        Some("ByteLevel") => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn replace(pattern: &str, content: &str) -> Value {
        json!({"type": "Replace", "pattern": {"String": pattern}, "content": content})
    }

    fn sequence(normalizers: &[Value]) -> Value {
        json!({"type": "Sequence", "normalizers": normalizers})
    }

    #[test]
    fn growth_is_the_product_of_all_normalizers() {
        assert_eq!(growth(&Value::Null), 1);
        assert_eq!(growth(&json!({"type": "NFKC"})), 11);
        assert_eq!(growth(&replace(" ", "\u{2581}")), 3);
        assert_eq!(growth(&replace("``", "\"")), 1);
        assert_eq!(growth(&replace("", "ab")), 3);
        let regex = json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "});
        assert_eq!(growth(&regex), 2);
        let prepend = json!({"type": "Prepend", "prepend": "\u{2581}"});
        assert_eq!(growth(&sequence(&[prepend, sequence(&[replace(" ", "\u{2581}")])])), 12);
    }

    #[test]
    fn only_absurd_growth_is_refused() {
        let doubles = |times| sequence(&vec![replace("a", "aa"); times]);
        assert_eq!(excess(&doubles(16)), None);
        let reason = excess(&doubles(100)).unwrap();
        assert_eq!(reason, "its normalizers can make a text 18446744073709551615 times as long");
        assert!(excess(&replace(" ", &"a".repeat(1 << 17))).is_some());
    }
}

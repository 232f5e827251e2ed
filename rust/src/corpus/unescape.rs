//! The characters of a JSON string, appended to a buffer without a copy in between.

use std::iter;

use memchr::memchr;

/// What to say of an escape that is no character.
const HALF: &str = "the text has half a surrogate pair, such as \\ud83d, which is no character";

/// Appends the characters of a well-formed JSON string in quotes to `out`.
///
/// Returns why if an escape is no character.
pub(super) fn append(string: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut rest = string.as_bytes();
    rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    rest = rest.strip_suffix(b"\"").unwrap_or(rest);
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, length) = match rest.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b't') => (b'\t', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'b') => (0x08, 2),
            Some(b'f') => (0x0c, 2),
            Some(b'u') => {
                let run = &rest[at..];
                let units = iter::successors(Some(run), |run| run.get(6..)).map_while(unit);
                let char = char::decode_utf16(units).next().and_then(Result::ok).ok_or(HALF)?;
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &run[6 * char.len_utf16()..];
                continue;
            }
            // `"`, `\` and `/` stand for themselves.
            Some(&byte) => (byte, 2),
            None => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The UTF-16 code unit of the escape `\uXXXX` with which `text` begins.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(string: &str) -> Result<String, &'static str> {
        let mut out = b"before ".to_vec();
        append(string, &mut out).map(|()| String::from_utf8(out.split_off(7)).unwrap())
    }

    #[test]
    fn escapes_are_decoded() {
        let string = r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\udc2f\ud83d\uDC2F \\u0041""#;
        assert_eq!(decoded(string).unwrap(), "a\"\\/\u{8}\u{c}\n\r\té🐯🐯 \\u0041");
        assert_eq!(decoded("\"\"").unwrap(), "");
    }

    #[test]
    fn half_a_pair_is_no_character() {
        for string in [r#""\ud83d""#, r#""\ud83d x""#, r#""\udc2f""#, r#""\ud83d\u0041""#] {
            assert_eq!(decoded(string).unwrap_err(), HALF);
        }
    }

    proptest! {
        #[test]
        fn strings_are_decoded_as_by_serde_json(
            parts in prop::collection::vec(prop_oneof![
                "\\PC*".prop_map(|text| text.replace(['"', '\\'], "")),
                Just(r"\n".into()), Just(r"\\".into()), Just(r#"\""#.into()), Just(r"\/".into()),
                "\\\\u[0-9a-fA-F]{4}", "\\\\ud8[0-9a-f]{2}\\\\udf[0-9a-f]{2}",
            ], 0..8),
        ) {
            let string = format!("\"{}\"", parts.concat());
            let expected = serde_json::from_str::<String>(&string);
            prop_assert_eq!(decoded(&string).ok(), expected.ok(), "{}", string);
        }
    }
}

//! What the first bytes of a file give away: data that must not be taken for text.

/// How many first bytes [`foreign`] looks at.
const HEAD: usize = 512;

/// Position of the magic of a tar archive.
const TAR: usize = 257;

/// What is wrong with a file whose decompressed data begin with `text`, and the remedy; None if it
/// can be text.
pub(super) fn foreign(text: &[u8]) -> Option<String> {
    let head = &text[..text.len().min(HEAD)];
    if let Some(name) = unicode(head) {
        return Some(format!("{name} text; save it as UTF-8"));
    }
    if let Some(name) = archive(head) {
        return Some(archived(name));
    }
    let (name, remedy) = match head {
        [0x1f, 0x8b, 8, ..] => ("gzip data", "add .gz to its name"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd data", "add .zst to its name"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("xz data", "add .xz to its name"),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => {
            ("bzip2 data", "add .bz2 to its name")
        }
        [b'P', b'A', b'R', b'1', ..] => ("Parquet data", "save it as a file named .parquet"),
        _ => return None,
    };
    Some(format!("{name} under another name; {remedy}"))
}

/// What is wrong with an archive of this kind, and the remedy.
pub(super) fn archived(name: &str) -> String {
    format!("a {name} archive, whose members are not read; unpack it and name its folder")
}

fn archive(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3, 4, ..] => Some("zip"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("7z"),
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Some("rar"),
        _ => head.get(TAR..).filter(|rest| rest.starts_with(b"ustar")).map(|_| "tar"),
    }
}

/// The name of an encoding of Unicode other than UTF-8.
fn unicode(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("UTF-16"),
        _ => {}
    }
    // Without a byte order mark, Latin text in UTF-16 has a zero in every second byte.
    let pairs: Vec<_> = head.chunks_exact(2).collect();
    let printable = |byte: u8| byte >= b' ' || byte.is_ascii_whitespace();
    let latin = |high: usize| {
        pairs.len() >= 4 && pairs.iter().all(|pair| pair[high] == 0 && printable(pair[1 - high]))
    };
    (latin(0) || latin(1)).then_some("UTF-16")
}

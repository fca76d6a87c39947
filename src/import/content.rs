//! What kind of file it is: packed, binary or text, and text in which encoding.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use chardetng::EncodingDetector;
use chardetng::Iso2022JpDetection;
use chardetng::Utf8Detection;
use encoding_rs::Encoding;
use flate2::read::MultiGzDecoder;

use crate::import::ImportError;

/// Largest file that is unpacked (bytes): a small gzip can hide a huge one.
const UNPACKED_MAX: u64 = 1 << 30;
/// Bytes that the guess of the encoding looks at.
const GUESSED_FROM: usize = 1 << 20;

/// The content of a file.
pub(super) enum Content {
    /// Text, decoded.
    Text(Text),
    /// An Excel workbook.
    Workbook(Vec<u8>),
    /// A Parquet file.
    Parquet(Vec<u8>),
    /// A Zahner impedance file.
    Zahner(Vec<u8>),
}

/// Decoded text of a file.
pub(super) struct Text {
    /// The file, for messages.
    pub(super) path: PathBuf,
    /// The text without byte order mark.
    pub(super) text: String,
}

impl Text {
    /// Whether one of the first lines contains a marker.
    pub(super) fn head_contains(&self, n_lines: usize, marker: &str) -> bool {
        self.text
            .lines()
            .take(n_lines)
            .any(|line| line.contains(marker))
    }

    /// An error about a line of this text.
    pub(super) fn wrong(
        &self,
        line: Option<usize>,
        found: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ImportError {
        ImportError::Layout {
            path: self.path.clone(),
            line,
            found: found.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }
}

/// Tells what a file's bytes are, unpacks and decodes them.
///
/// # Errors
/// [`ImportError::Kind`] for what is not read, with what to do instead.
pub(super) fn content(path: &Path, bytes: Vec<u8>) -> Result<Content, ImportError> {
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        unpacked(path, &bytes)?
    } else {
        bytes
    };
    if let Some((kind, remedy)) = refused(&bytes) {
        return Err(ImportError::Kind {
            path: path.to_owned(),
            kind: kind.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
    let is_old_excel = bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]);
    if is_old_excel || bytes.starts_with(b"PK\x03\x04") {
        return Ok(Content::Workbook(bytes));
    }
    if bytes.starts_with(b"PAR1") {
        return Ok(Content::Parquet(bytes));
    }
    if super::zahner::is_zahner(&bytes) {
        return Ok(Content::Zahner(bytes));
    }
    Ok(Content::Text(Text {
        path: path.to_owned(),
        text: decoded(path, bytes)?,
    }))
}

fn unpacked(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, ImportError> {
    let mut out = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(UNPACKED_MAX + 1);
    let result = decoder.read_to_end(&mut out);
    let reason = match result {
        Err(error) => error.to_string(),
        Ok(_) if out.len() as u64 > UNPACKED_MAX => "more than 1 GiB unpacked".to_owned(),
        Ok(_) => return Ok(out),
    };
    Err(ImportError::Kind {
        path: path.to_owned(),
        kind: format!("a damaged gzip file ({reason})"),
        remedy: "copy it again from the instrument".to_owned(),
    })
}

/// Kinds that are known and not read, with what to do instead.
fn refused(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let contains = |needle: &[u8], within: usize| {
        let head = &bytes[..bytes.len().min(within)];
        head.windows(needle.len()).any(|window| window == needle)
    };
    if bytes.is_empty() {
        Some(("an empty file", "copy it again from the instrument"))
    } else if bytes.starts_with(b"BIO-LOGIC MODULAR FILE") {
        Some((
            "a binary EC-Lab file (.mpr)",
            "in EC-Lab choose Experiment > Export as Text and import the .mpt file",
        ))
    } else if bytes.starts_with(b"NEWARE") {
        Some((
            "a binary Neware file (.nda)",
            "open it in BTSDA and export the record layer as csv or xlsx",
        ))
    } else if bytes.starts_with(b"PK\x03\x04") && contains(b".ndc", 1 << 20) {
        Some((
            "a binary Neware file (.ndax)",
            "open it in BTSDA and export the record layer as csv or xlsx",
        ))
    } else if bytes.starts_with(b"ARROW1") || bytes.starts_with(b"FEA1") {
        Some((
            "an Arrow or Feather file",
            "save the table as csv or parquet with Battery Data Format column names",
        ))
    } else if bytes.starts_with(b"%PDF") {
        Some(("a PDF file", "export the measurement as text"))
    } else if bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"\xff\xd8\xff") {
        Some(("a picture", "export the measurement as text"))
    } else if bytes.starts_with(b"\x89HDF") {
        Some(("an HDF5 file", "export the table as csv or parquet"))
    } else {
        None
    }
}

fn decoded(path: &Path, bytes: Vec<u8>) -> Result<String, ImportError> {
    if let Some((encoding, skip)) = Encoding::for_bom(&bytes) {
        return Ok(encoding
            .decode_without_bom_handling(&bytes[skip..])
            .0
            .into_owned());
    }
    let head = &bytes[..bytes.len().min(GUESSED_FROM)];
    let n_control = head
        .iter()
        .filter(|b| **b < 9 || (14..32).contains(*b))
        .count();
    if n_control * 100 > head.len() {
        return Err(ImportError::Kind {
            path: path.to_owned(),
            kind: "a binary file".to_owned(),
            remedy: "export the measurement as text from the instrument's software".to_owned(),
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let bytes = error.into_bytes();
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(&bytes, true);
            let encoding = detector.guess(None, Utf8Detection::Deny);
            Ok(encoding.decode_without_bom_handling(&bytes).0.into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        match content(Path::new("file"), bytes.to_vec()).unwrap() {
            Content::Text(text) => text.text,
            _ => panic!("text"),
        }
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(text_of("\u{feff}Zeit/s".as_bytes()), "Zeit/s");
        let latin = b"Electrode surface area : 0,001 cm\xb2\r\nTemperature/\xb0C\t25\r\n";
        assert!(text_of(latin).contains("cm²"), "{}", text_of(latin));
        let (gbk, _, _) = encoding_rs::GBK
            .encode("循环序号,工步序号,电压(V),电流(mA),测试时间\n1,1,2.1,0.5,0:01\n");
        assert!(text_of(&gbk).contains("电压(V)"), "{}", text_of(&gbk));
        let utf16: Vec<u8> = "\u{feff}t;U\n1;2\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(text_of(&utf16), "t;U\n1;2\n");
    }

    #[test]
    fn binary_files_are_refused_with_a_remedy() {
        for (bytes, expected) in [
            (&b"BIO-LOGIC MODULAR FILE\x1a"[..], "Export as Text"),
            (b"NEWARE20160408", "BTSDA"),
            (b"ARROW1\0\0", "parquet"),
            (b"", "copy it again"),
            (b"\x1f\x8b\x08broken", "copy it again"),
            (
                b"\x01\x02\x03\x04\x05\x06\x07\x00\x00\x00\x00",
                "export the measurement as text",
            ),
        ] {
            let Err(error) = content(Path::new("x"), bytes.to_vec()) else {
                panic!("{expected}");
            };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

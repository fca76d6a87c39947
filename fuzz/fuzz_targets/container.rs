//! The smallest container around the XML of a sheet: a zip file whose members are stored, not packed.

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="record" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const BOOK_RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

/// A workbook with one sheet of this XML.
pub(crate) fn workbook(sheet: &[u8]) -> Vec<u8> {
    let members: [(&str, &[u8]); 5] = [
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELATIONS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let place = four(zip.len());
        let common = common(name, content);
        zip.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
        directory.extend(
            [
                b"PK\x01\x02\x14\0",
                &common[..],
                &[0; 10],
                &place,
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let (start, length) = (four(zip.len()), four(directory.len()));
    zip.append(&mut directory);
    zip.extend(
        [
            b"PK\x05\x06\0\0\0\0\x05\0\x05\0",
            &length[..],
            &start,
            &[0; 2],
        ]
        .concat(),
    );
    zip
}

/// What both headers of a member share: version, flags, method, time, date, sum, sizes, lengths.
fn common(name: &str, content: &[u8]) -> Vec<u8> {
    let size = four(content.len());
    let name_length = &four(name.len())[..2];
    [
        &[0x14, 0, 0, 0, 0, 0, 0, 0, 0x21, 0],
        &checksum(content)[..],
        &size,
        &size,
        name_length,
        &[0; 2],
    ]
    .concat()
}

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number)
        .expect("inputs are small")
        .to_le_bytes()
}

/// CRC-32 of zip files.
fn checksum(content: &[u8]) -> [u8; 4] {
    let sum = content.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))
        })
    });
    (!sum).to_le_bytes()
}

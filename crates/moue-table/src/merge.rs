//! Puts the rows of shards together again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use moue_files::plain_file;

use crate::error::TableError;

/// Longest line, in bytes.
const MAX_LINE: usize = 1 << 16;

/// One file's rows, read one by one.
struct Part {
    path: PathBuf,
    lines: BufReader<File>,
    /// The next row, and the parts of its source's path, by which it is sorted: as folders are gone through.
    row: Vec<u8>,
    source: Vec<Vec<u8>>,
}

impl Part {
    fn open(path: &Path) -> Result<(Vec<u8>, Self), TableError> {
        let failed = |e: std::io::Error| TableError::Read { path: path.to_owned(), reason: e.to_string() };
        let (file, _) = plain_file::open(path).map_err(failed)?;
        let mut part =
            Self { path: path.to_owned(), lines: BufReader::new(file), row: Vec::new(), source: Vec::new() };
        part.line()?;
        let header = std::mem::take(&mut part.row);
        part.next()?;
        Ok((header, part))
    }

    fn line(&mut self) -> Result<(), TableError> {
        self.row.clear();
        let read = std::io::Read::take(&mut self.lines, MAX_LINE as u64).read_until(b'\n', &mut self.row);
        let failed = |reason: String| TableError::Read { path: self.path.clone(), reason };
        read.map_err(|e| failed(e.to_string()))?;
        if self.row.len() >= MAX_LINE {
            return Err(failed(format!("expected rows of at most {MAX_LINE} bytes, found a longer one")));
        }
        Ok(())
    }

    /// The next row; its source is the last column.
    fn next(&mut self) -> Result<(), TableError> {
        self.line()?;
        let row = self.row.strip_suffix(b"\n").unwrap_or(&self.row);
        let last = if row.last() == Some(&b'"') {
            // A quoted name may hold commas; a quote in it stands twice.
            let mut at = row.len().saturating_sub(1);
            while let Some(quote) = row[..at].iter().rposition(|b| *b == b'"') {
                if quote > 0 && row[quote - 1] == b'"' {
                    at = quote - 1;
                } else {
                    at = quote;
                    break;
                }
            }
            at
        } else {
            row.iter().rposition(|b| *b == b',').map_or(0, |comma| comma + 1)
        };
        let name = String::from_utf8_lossy(&row[last..]).trim_matches('"').replace("\"\"", "\"");
        self.source = name.split(['/', '\\']).map(|part| part.as_bytes().to_vec()).collect();
        Ok(())
    }
}

/// Merges files of `moue analyze --shard`, which hold the rows of whole sources each: the sources by name, the rows of each in their
/// order. The same bytes whatever the number of files. Returns the number of rows.
///
/// # Errors
/// [`TableError`] where one cannot be read, or has other columns than the first.
pub fn merge_rows(paths: &[PathBuf], out: &mut impl Write) -> Result<u64, TableError> {
    let failed = |reason: std::io::Error| TableError::Write { what: "the merged rows".into(), reason };
    let mut parts = Vec::new();
    let mut header: Option<Vec<u8>> = None;
    for path in paths {
        let (columns, part) = Part::open(path)?;
        match &header {
            None => header = Some(columns),
            Some(first) if *first == columns => {}
            Some(_) => {
                let reason = format!("expected the columns of {}, found others", paths[0].display());
                return Err(TableError::Read { path: path.clone(), reason });
            }
        }
        parts.push(part);
    }
    out.write_all(&header.unwrap_or_default()).map_err(failed)?;
    let mut rows = 0;
    loop {
        let waiting = parts.iter().enumerate().filter(|(_, part)| !part.row.is_empty());
        let Some((first, _)) = waiting.min_by(|a, b| a.1.source.cmp(&b.1.source)) else { return Ok(rows) };
        let part = &mut parts[first];
        let source = part.source.clone();
        while !part.row.is_empty() && part.source == source {
            out.write_all(&part.row).map_err(failed)?;
            rows += 1;
            part.next()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_sorted_by_name_whatever_file_they_are_in() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, rows: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("time_s,id,source\n{rows}")).unwrap();
            path
        };
        let a = write("a.csv", "0,1,a/z.png\n0,1,a-b.png\n0,1,a.png\n1,1,c.mp4\n2,1,c.mp4\n");
        let b = write("b.csv", "9,1,\"b, \"\"two\"\".png\"\n9,1,d.png\n");
        let c = write("c.csv", "");
        let merged = |paths: &[PathBuf]| {
            let mut out = Vec::new();
            merge_rows(paths, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let all = merged(&[a.clone(), b.clone(), c.clone()]);
        assert_eq!(
            all,
            "time_s,id,source\n0,1,a/z.png\n0,1,a-b.png\n0,1,a.png\n9,1,\"b, \"\"two\"\".png\"\n1,1,c.mp4\n2,1,c.mp4\n9,1,d.png\n"
        );
        assert_eq!(merged(&[b, c, a.clone()]), all);
        let other = folder.path().join("other.csv");
        std::fs::write(&other, "id,source\n").unwrap();
        assert!(merge_rows(&[a, other], &mut Vec::new()).unwrap_err().to_string().contains("columns"));
    }
}

//! A tree as CSV or JSON lines, for programs that do not read Parquet.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::shape::symbol_at;
use super::token_tree::TokenTree;
use crate::io::Output;
use crate::{Error, Job, Phase, Result};

/// The format of an exported tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// `path,count`, with the symbol ids of the path separated by spaces.
    Csv,
    /// `{"path": [...], "count": n}`.
    Jsonl,
}

impl ExportFormat {
    /// Parses `csv` or `jsonl`.
    pub fn parse(name: &str) -> Result<ExportFormat> {
        match name {
            "csv" => Ok(ExportFormat::Csv),
            "jsonl" => Ok(ExportFormat::Jsonl),
            _ => Err(Error::InvalidArgument(format!(
                "unknown export format '{name}': choose csv or jsonl"
            ))),
        }
    }
}

impl TokenTree {
    /// Writes every leaf in path order, its path ending with EOS if it has one.
    ///
    /// The file appears at `path` only when it is complete; `-` is standard output. Without
    /// `overwrite`, fails if there is a file.
    pub fn export(
        &self,
        path: &Path,
        format: ExportFormat,
        overwrite: bool,
        job: &Job,
    ) -> Result<()> {
        job.start(Phase::Write, self.len());
        let output = Output::create(path, overwrite, job)?;
        let path = output.name();
        let mut out = BufWriter::with_capacity(1 << 20, output.writer()?);
        if format == ExportFormat::Csv {
            out.write_all(b"path,count\n").map_err(Error::io(path))?;
        }
        let width = self.shape.symbol_bytes();
        self.for_each_leaf(job, |row, count| {
            let symbols = row[..self.shape.path_len(row) * width].chunks_exact(width);
            let ids: Vec<String> = symbols.map(|symbol| symbol_at(symbol).to_string()).collect();
            let line = match format {
                ExportFormat::Csv => format!("{},{count}\n", ids.join(" ")),
                ExportFormat::Jsonl => {
                    format!("{{\"path\": [{}], \"count\": {count}}}\n", ids.join(", "))
                }
            };
            out.write_all(line.as_bytes()).map_err(Error::io(path))
        })?;
        out.flush().map_err(Error::io(path))?;
        drop(out);
        output.publish()
    }
}

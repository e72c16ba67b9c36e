//! A finished CSV table as Parquet, with numbers as numbers.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::TableError;

/// Rows of a group: as many as are held in memory at a time beside the table itself.
const GROUP: usize = 100_000;

/// Writes a table that has a header as Parquet: one optional column each, `DOUBLE` where every value that is there is a number,
/// else text in UTF-8. What is empty in the table is null.
///
/// # Errors
/// [`TableError::Write`] where `csv` is no table or `out` cannot be written to.
pub fn write_parquet(csv: &[u8], out: impl Write + Send) -> Result<(), TableError> {
    let failed = |reason: std::io::Error| TableError::Write { what: "the Parquet file".into(), reason };
    write(csv, out).map_err(|e| failed(std::io::Error::other(e)))
}

fn write(csv: &[u8], out: impl Write + Send) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut reader = csv::Reader::from_reader(csv);
    let names = reader.headers()?.clone();
    let rows = reader.into_records().collect::<Result<Vec<_>, _>>()?;
    let is_number = |column: usize| {
        let mut values =
            rows.iter().filter_map(|row| row.get(column)).filter(|value| !value.is_empty()).peekable();
        values.peek().is_some() && values.all(|value| value.parse::<f64>().is_ok())
    };
    let numbers: Vec<bool> = (0..names.len()).map(is_number).collect();
    let fields = names.iter().zip(&numbers).map(|(name, number)| field(name, *number));
    let schema = Type::group_type_builder("table").with_fields(fields.collect::<Result<_, _>>()?).build()?;
    let mut writer =
        SerializedFileWriter::new(out, Arc::new(schema), Arc::new(WriterProperties::builder().build()))?;
    for rows in rows.chunks(GROUP) {
        let mut group = writer.next_row_group()?;
        let mut column = 0;
        while let Some(mut of_column) = group.next_column()? {
            let values: Vec<&str> = rows.iter().map(|row| row.get(column).unwrap_or_default()).collect();
            // 1 where there is a value, 0 where there is none.
            let levels: Vec<i16> = values.iter().map(|value| i16::from(!value.is_empty())).collect();
            let there = values.iter().filter(|value| !value.is_empty());
            if numbers[column] {
                let parsed = there.map(|value| value.parse()).collect::<Result<Vec<f64>, _>>()?;
                of_column.typed::<DoubleType>().write_batch(&parsed, Some(&levels), None)?;
            } else {
                let texts: Vec<ByteArray> = there.map(|value| ByteArray::from(*value)).collect();
                of_column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
            }
            of_column.close()?;
            column += 1;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn field(name: &str, number: bool) -> Result<Arc<Type>, ParquetError> {
    let kind = if number { Physical::DOUBLE } else { Physical::BYTE_ARRAY };
    let builder = Type::primitive_type_builder(name, kind).with_repetition(Repetition::OPTIONAL);
    let builder = if number { builder } else { builder.with_logical_type(Some(LogicalType::String)) };
    builder.build().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn numbers_are_numbers_texts_are_texts_and_what_is_empty_is_null() {
        let table = "session,face,mean_happy,marker,note\na,1,0.25,\"first, loud\",\nb,2,,,\nc,3,1e-3,3,\n";
        let mut file = Vec::new();
        write_parquet(table.as_bytes(), &mut file).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let rows: Vec<Vec<(String, Field)>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                row.unwrap().get_column_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
            })
            .collect();
        assert_eq!(rows.len(), 3);
        let value = |row: usize, name: &str| rows[row].iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(value(0, "mean_happy"), Field::Double(0.25));
        assert_eq!(value(2, "mean_happy"), Field::Double(0.001));
        assert_eq!(value(1, "mean_happy"), Field::Null);
        assert_eq!(value(0, "marker"), Field::Str("first, loud".into()));
        // One marker is called "3": the column is of texts.
        assert_eq!(value(2, "marker"), Field::Str("3".into()));
        assert_eq!(value(1, "face"), Field::Double(2.0));
        assert_eq!(value(1, "note"), Field::Null);
        assert!(write_parquet(b"a,b\n1\n", Vec::new()).is_err(), "a row is too short");
    }
}

//! Arrow columns and cells as the values of [`super::key`].

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Fields};

use super::columns::{self, Written};
use super::key::{Kind, Value};

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => Kind::Text,
        DataType::List(_) => Kind::List,
        DataType::Struct(_) => Kind::Object,
        DataType::Null => Kind::Null,
        DataType::Boolean => Kind::Other("a boolean"),
        DataType::Map(..) => Kind::Other("a map"),
        data_type if data_type.is_numeric() => Kind::Other("a number"),
        DataType::FixedSizeBinary(_) => Kind::Other("bytes of fixed length"),
        DataType::Date32 | DataType::Date64 => Kind::Other("a date"),
        DataType::Timestamp(..) => Kind::Other("a date and time"),
        DataType::Time32(_) | DataType::Time64(_) => Kind::Other("a time"),
        DataType::Duration(_) | DataType::Interval(_) => Kind::Other("a duration"),
        _ => Kind::Other("something else"),
    }
}

/// A column by its type: a key that selects no text here selects none in any row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column<'a> {
    Row(&'a Fields),
    Of(&'a DataType),
}

impl<'a> Column<'a> {
    fn fields(self) -> Option<&'a Fields> {
        match self {
            Column::Row(fields) | Column::Of(DataType::Struct(fields)) => Some(fields),
            Column::Of(_) => None,
        }
    }
}

impl Value for Column<'_> {
    const IS_TYPE: bool = true;

    fn kind(self) -> Kind {
        match self {
            Column::Row(_) => Kind::Object,
            Column::Of(data_type) => kind(data_type),
        }
    }

    fn text(self, _out: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn field(self, name: &str) -> Result<Option<Self>, String> {
        let field = self.fields().and_then(|fields| fields.find(name));
        Ok(field.map(|(_, field)| Column::Of(field.data_type())))
    }

    fn names(self) -> Vec<String> {
        self.fields().into_iter().flatten().map(|field| field.name().clone()).collect()
    }

    fn elements(self) -> Result<Vec<Self>, String> {
        match self {
            Column::Of(DataType::List(element)) => Ok(vec![Column::Of(element.data_type())]),
            _ => Ok(Vec::new()),
        }
    }
}

/// A cell of a batch, or a whole row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Row(&'a RecordBatch, usize),
    At(&'a dyn Array, usize),
}

impl Value for Cell<'_> {
    fn kind(self) -> Kind {
        match self {
            Cell::Row(..) => Kind::Object,
            Cell::At(array, row) if array.is_null(row) => Kind::Null,
            Cell::At(array, _) => kind(array.data_type()),
        }
    }

    fn text(self, out: &mut Vec<u8>) -> Result<(), String> {
        if let Cell::At(array, row) = self {
            if let Some(texts) = array.as_string_view_opt() {
                out.extend_from_slice(texts.value(row).as_bytes());
            } else if let Some(texts) = array.as_binary_view_opt() {
                out.extend_from_slice(texts.value(row));
            }
        }
        Ok(())
    }

    fn field(self, name: &str) -> Result<Option<Self>, String> {
        Ok(match self {
            Cell::Row(batch, row) => {
                batch.column_by_name(name).map(|column| Cell::At(column.as_ref(), row))
            }
            Cell::At(array, row) => array
                .as_struct_opt()
                .and_then(|fields| fields.column_by_name(name))
                .map(|column| Cell::At(column.as_ref(), row)),
        })
    }

    fn names(self) -> Vec<String> {
        match self {
            Cell::Row(batch, _) => {
                batch.schema().fields().iter().map(|field| field.name().clone()).collect()
            }
            Cell::At(array, _) => array.as_struct_opt().map_or_else(Vec::new, |fields| {
                fields.column_names().into_iter().map(String::from).collect()
            }),
        }
    }

    fn elements(self) -> Result<Vec<Self>, String> {
        let Cell::At(array, row) = self else { return Ok(Vec::new()) };
        let Some(lists) = array.as_list_opt::<i32>() else { return Ok(Vec::new()) };
        let offsets = lists.value_offsets();
        let values = lists.values().as_ref();
        let elements = offsets[row] as usize..offsets[row + 1] as usize;
        Ok(elements.map(|row| Cell::At(values, row)).collect())
    }
}

impl Written for Cell<'_> {
    /// Numbers and booleans are written as such, all else as a string.
    fn write(self, out: &mut Vec<u8>) -> Result<(), String> {
        let Cell::At(array, row) = self else { return Ok(()) };
        let text = array_value_to_string(array, row).map_err(|error| error.to_string())?;
        let is_number = array.data_type().is_numeric();
        match text.as_str() {
            // As Python writes and reads them.
            "NaN" if is_number => out.extend_from_slice(b"NaN"),
            "inf" if is_number => out.extend_from_slice(b"Infinity"),
            "-inf" if is_number => out.extend_from_slice(b"-Infinity"),
            _ if is_number || *array.data_type() == DataType::Boolean => {
                out.extend_from_slice(text.as_bytes());
            }
            _ => columns::string(&text, out)?,
        }
        Ok(())
    }
}

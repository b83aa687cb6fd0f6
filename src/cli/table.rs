//! Tables, in color on a terminal.

use std::io::IsTerminal as _;

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::color;

/// The width of a table, in columns, if standard output is not a terminal.
const DEFAULT_WIDTH: u16 = 120;

/// The longest word, in characters, that widens its column: the name of a tool fits, a path is broken.
const MAX_UNBROKEN_WORD: usize = 24;

/// The width of the spaces around a cell's text.
const PADDING: u16 = 2;

/// Creates an empty table with a header.
pub(crate) fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(bold));
    if !std::io::stdout().is_terminal() {
        table.set_width(DEFAULT_WIDTH);
    }
    if color::on_stdout() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// Returns `table` with each column at least as wide as its longest word, so that names are not broken.
pub(crate) fn keep_words(mut table: Table) -> Table {
    let mut longest = vec![0; table.column_count()];
    for row in table.row_iter() {
        for (cell, longest) in row.cell_iter().zip(&mut longest) {
            let text = cell.content();
            *longest = text.split_whitespace().map(|word| word.chars().count()).fold(*longest, usize::max);
        }
    }
    for (index, word) in longest.into_iter().enumerate() {
        let width = u16::try_from(word.min(MAX_UNBROKEN_WORD));
        if let (Some(column), Ok(width)) = (table.column_mut(index), width) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + PADDING)));
        }
    }
    table
}

/// Creates a bold cell, for the name that a row is about.
pub(crate) fn bold(text: impl ToString) -> Cell {
    Cell::new(text).add_attribute(Attribute::Bold)
}

/// Creates a green cell, for what is as it should be.
pub(crate) fn green(text: impl ToString) -> Cell {
    Cell::new(text).fg(Color::Green)
}

/// Creates a yellow cell, for a warning.
pub(crate) fn yellow(text: impl ToString) -> Cell {
    Cell::new(text).fg(Color::Yellow)
}

/// Creates a red cell, for an error.
pub(crate) fn red(text: impl ToString) -> Cell {
    Cell::new(text).fg(Color::Red)
}

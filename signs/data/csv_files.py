"""Tables as CSV files, in whatever form a spreadsheet saves them.

All tables of people are read here, as text, cell by cell: a German `null` or
an English `NA` is a word, not a missing value.
"""

import codecs
import io
import re
import unicodedata
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from signs.core import files
from signs.core.errors import UserError

if TYPE_CHECKING:  # a clip alone is recognised without it, and sooner
    import pandas as pd

SEPARATORS = ",;\t"
# A first line by which Excel tells itself the separator.
_EXCEL = re.compile(r'"?sep=(.)"?\s*?(\r\n|\r|\n)', re.IGNORECASE)
_QUOTED = re.compile('"[^"]*"')


def read_csv(path: Path, keep_blank_lines: bool = False) -> "pd.DataFrame":
    """Reads a table as text.

    Args:
        path: a file in UTF-8 or UTF-16, with or without a byte order mark,
            whose cells are separated by commas, semicolons or tabs.
        keep_blank_lines: have a row of empty cells for each, so that row
            numbers tell line numbers.

    Raises:
        UserError: if it is neither, or not a table.
    """
    import pandas as pd

    text = read_text(path)
    separator, text = _separator(text)
    try:
        with warnings.catch_warnings():
            # A row with more cells than the header has is a mistake; pandas
            # would shift all columns, or only warn and drop the last cells.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text),
                sep=separator,
                dtype=str,
                keep_default_na=False,
                index_col=False,
                skip_blank_lines=not keep_blank_lines,
            )
    except pd.errors.ParserWarning as error:
        raise UserError(
            f"{path}: a row has more cells than there are columns; put cells "
            f'that hold a {separator!r} in "quotation marks"'
        ) from error
    except pd.errors.ParserError as error:
        raise _unreadable(path, error) from error
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path} is empty") from error


def read_text(path: Path) -> str:
    """Reads a text in UTF-8 or, with a byte order mark, in UTF-16.

    Raises:
        UserError: if it is in neither.
    """
    content = path.read_bytes()
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, error) from error


def read_columns(path: Path) -> list[str]:
    """The names of a table's columns; none where it is no text."""
    try:
        separator, text = _separator(read_text(path))
    except UserError:
        return []
    header = text.split("\n", 1)[0]
    return [column_name(cell.strip(' "\r')) for cell in header.split(separator)]


def column_name(cell: str) -> str:
    """A cell of the header as it is compared: `File Name` is `file_name`."""
    name = unicodedata.normalize("NFC", cell).strip().lower()
    return re.sub(r"[\s-]+", "_", name)


def rename_columns(
    table: "pd.DataFrame", synonyms: Mapping[str, Collection[str]]
) -> "pd.DataFrame":
    """Gives the columns of people's tables the names that they have here.

    Args:
        table: any table.
        synonyms: for each name here the names that people give it; of several
            columns the one whose name comes first.
    """
    table = table.set_axis([column_name(str(x)) for x in table.columns], axis=1)
    renamed = {
        next((x for x in names if x in table.columns), name): name
        for name, names in synonyms.items()
        if name not in table.columns
    }
    return table.rename(columns=renamed)


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Writes a table atomically, with the same bytes everywhere."""
    with files.atomic(path) as temporary:
        table.to_csv(
            temporary, index=False, encoding="utf-8", lineterminator="\n"
        )


def _separator(text: str) -> tuple[str, str]:
    """What separates the cells, and the text from the header on."""
    if said := _EXCEL.match(text):
        return said[1], text[said.end() :]
    header = _QUOTED.sub("", text.split("\n", 1)[0])
    return max(SEPARATORS, key=header.count), text


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(
        f"{path} cannot be read ({reason}); save it as CSV in UTF-8 (Excel "
        'calls that "CSV UTF-8")'
    )

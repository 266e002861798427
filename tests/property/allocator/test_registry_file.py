"""The registry's text reads back, and equals the text of a JSON library."""

import json

from hypothesis import given
from hypothesis import strategies as st

from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry_file import (
    entries_from,
    text_of,
)
from portweave.encoding.json_text import code_units, loads

# Half surrogates, as they stand for bytes of file names that are not UTF-8.
BYTES = st.integers(0xDC80, 0xDCFF).map(chr)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | BYTES, max_size=8)
ENTRIES = st.builds(
    Entry,
    st.builds(Key, st.none() | TEXTS, TEXTS, TEXTS),
    st.just("2026-01-31T12:34:56.789Z"),
    TEXTS,
    st.dictionaries(TEXTS, st.integers(-(2**53), 2**53), max_size=4),
)


@given(st.lists(ENTRIES, max_size=4))
def test_what_is_written_reads_back(entries: list[Entry]) -> None:
    text = text_of(entries)
    read = entries_from(loads(text.encode().decode()))
    by_place = sorted(
        entries, key=lambda e: (code_units(e.key.worktree_root), code_units(e.key.namespace))
    )
    assert read == by_place
    assert text_of(read) == text


@given(st.lists(ENTRIES, max_size=4))
def test_the_text_is_that_of_a_json_library(entries: list[Entry]) -> None:
    text = text_of(entries)
    dumped = json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    # JavaScript escapes half surrogates; Python leaves them.
    escaped = "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in dumped)
    assert text == escaped

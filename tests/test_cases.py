"""The cases in Markdown are the specification of the language: see `cases_format.py` for how they are written."""

import os
from pathlib import Path

import pytest
from cases_format import actual, read, updated

FOLDER = Path(__file__).parent / "cases"
PAGES = sorted(FOLDER.rglob("*.md"))
CASES = [
    pytest.param(page, number, id=f"{page.relative_to(FOLDER)}:{case.title}")
    for page in PAGES
    for number, case in enumerate(read(page))
]


@pytest.mark.parametrize(("page", "number"), CASES)
def test_case(page, number):
    if os.environ.get("UPDATE"):
        refresh(page)
    case = read(page)[number]
    assert case.results, "nothing is expected of this text"
    for name, options, expected, _, _ in case.results:
        assert actual(case, name, options) == expected


def refresh(page):
    """Write a page anew. Whoever else does so at the same time writes the same."""
    new = updated(page)
    if new != page.read_text(encoding="utf-8"):
        temporary = page.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(new, encoding="utf-8")
        temporary.replace(page)

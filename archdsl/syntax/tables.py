"""The tables that lark makes of the grammar, kept beside it as JSON, since making them takes most of a short run.

`python -m archdsl.syntax.tables` writes them anew; a test says when that is due. With another version of lark, or
without the file, they are made from the grammar at run time. (Lark's own cache is not used: it unpickles from a folder
that others can write to.)
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import lark
from lark import Lark, Transformer
from lark.grammar import Rule
from lark.lexer import TerminalDef

from archdsl.base.resources import folder
from archdsl.syntax.newlines import Newlines


def parser(transformer: Transformer[Any, Any]) -> Lark:
    """The parser of the language, which hands what it recognises to a transformer."""
    options = {"transformer": transformer, "postlex": Newlines()}
    kept = _kept()
    if kept is None:
        return _made(**options)
    return cast("Any", Lark)._load_from_dict(kept["data"], kept["memo"], **options)


def tables() -> str:
    """The tables as the text that is kept."""
    data, memo = cast("Any", _made()).memo_serialize([TerminalDef, Rule])
    head = {"lark": lark.__version__, "grammar": digest()}
    return json.dumps({**head, "data": data, "memo": memo}, sort_keys=True, separators=(",", ":")) + "\n"


def _made(**options: Any) -> Lark:
    text = _grammar().read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="contextual", maybe_placeholders=True, propagate_positions=False, **options)


def _kept() -> dict[str, Any] | None:
    """The kept tables, or None where they belong to another grammar or another lark."""
    path = _file()
    if not path.is_file():
        return None
    found = json.loads(path.read_bytes(), object_hook=_with_numbers)
    return found if found.get("lark") == lark.__version__ and found.get("grammar") == digest() else None


def _with_numbers(table: dict[str, Any]) -> dict[str | int, Any]:
    """JSON has only words for keys; the tables have numbers."""
    return {int(key) if key.isdigit() else key: each for key, each in table.items()}


def digest() -> str:
    """What tells the grammar from any other."""
    return hashlib.sha256(_grammar().read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:16]


def _grammar() -> Path:
    return folder("grammar") / "arch.lark"


def _file() -> Path:
    return folder("grammar") / "arch.tables.json"


if __name__ == "__main__":
    _file().write_text(tables(), encoding="utf-8")

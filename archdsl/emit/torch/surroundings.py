"""What stands around the classes of an emitted file: imports, what is copied into it, and what it carries.

The check of a file looks at them here: that nothing else is there, that a copy is what it was copied from, and that
each name means something, which Python would find out only when the line runs.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from archdsl.base.carried import NAME
from archdsl.emit.torch.unreadable import Unreadable

MODULES = Path(__file__).resolve().parent.parent.parent / "ops" / "modules"
INITIALISATION = Path(__file__).resolve().parent / "initialisation"

_IMPORTS = (
    "import torch",
    "from torch import Tensor, nn",
    "from collections import OrderedDict",
    "from itertools import pairwise",
)
# what the emitted classes themselves take from there; what only a copy needs, such as `F`, may be a name of theirs
_USED = frozenset({"torch", "Tensor", "nn", "OrderedDict", "pairwise"})
# read as what Python has under these names
_MEANT = frozenset({"list", "getattr", "super"})
_TYPES = frozenset({"bool", "float", "int", "str", "tuple", "list", "type", "Tensor"})
_BUILTINS = frozenset(vars(builtins))


def require_surroundings(tree: ast.Module, copied: Iterable[Path]) -> None:
    """Unreadable where there is something else around the classes than should be. copied: the files whose definitions
    the file must have."""
    found: dict[str, ast.ClassDef | ast.FunctionDef] = {}
    imported: set[str] = set()
    known = _lines(*_IMPORTS).union(*(_read(file)[0] for file in copied))
    for index, node in enumerate(tree.body):
        match node:
            case ast.Import(names) | ast.ImportFrom(names=names):
                if found or ast.dump(node) not in known:
                    raise Unreadable(ast.unparse(node))
                imported |= {each.asname or each.name for each in names}
            case ast.ClassDef(name) | ast.FunctionDef(name):
                if name in found or name in imported:
                    raise Unreadable(f"two definitions of {name}")
                found[name] = node
            case ast.Expr(ast.Constant(str())) if index == 0:
                pass
            case ast.Assign([ast.Name(name)], ast.Dict()) if name == NAME and node is tree.body[-1]:
                pass
            case _:
                raise Unreadable(ast.unparse(node))
    copies = dict(pair for file in copied for pair in _read(file)[1].items())
    for name, wanted in copies.items():
        if name not in found or ast.dump(found[name]) != wanted:
            raise Unreadable(f"{name} is not what it was copied from")
    needed = {each for file in copied for each in _read(file)[2]}
    for name in found.keys() - copies.keys():
        needed |= _names(found[name], imported & _USED)
    if unknown := needed - imported - found.keys() - _BUILTINS:
        raise Unreadable(f"{min(unknown)} is not set")


@cache
def _lines(*texts: str) -> frozenset[str]:
    return frozenset(ast.dump(ast.parse(text).body[0]) for text in texts)


@cache
def _read(file: Path) -> tuple[frozenset[str], dict[str, str], frozenset[str]]:
    """The imports and the definitions of a file that is copied, and the names that it imports."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    imports = [each for each in body if isinstance(each, ast.Import | ast.ImportFrom)]
    names = frozenset(alias.asname or alias.name for each in imports for alias in each.names)
    made = {each.name: ast.dump(each) for each in body if isinstance(each, ast.ClassDef | ast.FunctionDef)}
    return frozenset(map(ast.dump, imports)), made, names


def _names(definition: ast.ClassDef | ast.FunctionDef, imported: set[str]) -> set[str]:
    """The names that a definition takes from around it. Unreadable where it takes one for itself that means something
    else, and where a type cannot be worked out."""
    loaded, own = set[str](), set[str]()
    waiting: list[ast.AST] = [definition]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(name, ast.Load()):
                loaded.add(name)
                continue
            case ast.Name(name):
                own.add(name)
                continue
            case ast.Constant():
                continue
            case ast.arg(name, annotation):
                own.add(name)
                _require_type(annotation)
                continue
            case ast.FunctionDef(returns=kind) | ast.AnnAssign(annotation=kind):
                _require_type(kind)
            case _:
                pass
        waiting += ast.iter_child_nodes(node)
    if taken := own & (imported | (loaded & _MEANT)):
        raise Unreadable(f"{min(taken)} means something else")
    return loaded - own


def _require_type(node: ast.expr | None) -> None:
    if node is not None and not _is_type(node):
        raise Unreadable(f"the type {ast.unparse(node)}")


def _is_type(node: ast.expr) -> bool:
    """Whether an annotation is one that Python can work out."""
    match node:
        case ast.Name(name):
            return name in _TYPES
        case ast.Constant(value):
            return value is None or value is ...
        case ast.Attribute(ast.Name("nn" | "torch"), name):
            return name in {"Module", "Tensor"}
        case ast.Subscript(ast.Name("tuple" | "list" | "type" | "Sequence"), ast.Tuple(items)):
            return all(map(_is_type, items))
        case ast.Subscript(ast.Name("tuple" | "list" | "type" | "Sequence"), item):
            return _is_type(item)
        case ast.BinOp(left, ast.BitOr(), right):
            return _is_type(left) and _is_type(right)
        case _:
            return False

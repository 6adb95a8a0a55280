"""What torch really holds: the memory that lives while something runs, and what autograd keeps."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from typing_extensions import override


class Watch(TorchDispatchMode):
    """Counts the bytes of the memory of all tensors that operators of torch give, as long as it lives.

    What an operator's own code takes and gives back before it is done, as oneDNN does, is not seen.
    """

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.alive: set[int] = set()
        self.known = {_key(each) for each in known}
        self.now = self.peak = 0

    def see(self, tensor: Tensor) -> None:
        """Count the memory of a tensor, once."""
        storage, key = tensor.untyped_storage(), _key(tensor)
        if key in self.alive or key in self.known:
            return
        size = storage.nbytes()
        self.alive.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.now -= size

    @override
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for each in tree_leaves(given):
            if isinstance(each, Tensor):
                self.see(each)
        return given


class Copies(TorchFunctionMode):
    """What linear layers, group norms and flattens copy since it is not laid out in order, each for itself.

    copied: the bytes of the copies. twice: of what these linear layers give, which they make twice. spared: of what
    lies in the memory that is copied from, and is in no copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copied = self.twice = self.spared = 0

    @override
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        # rows of numbers may lie anywhere
        is_linear = name == "linear" and args[0].dim() > 2 and not args[0].is_contiguous()
        is_norm = name == "group_norm" and not _is_dense(args[0])
        if is_linear or is_norm or (name == "flatten" and _key(given) != _key(args[0])):
            size = args[0].nbytes
            self.copied += size
            self.twice += given.nbytes if is_linear else 0
            self.spared += max(args[0].untyped_storage().nbytes() - size, 0)
        return given


def copies(run: Callable[[], object]) -> Copies:
    """What linear layers, group norms and flattens copy while something runs without gradients."""
    with torch.no_grad(), Copies() as watch:
        run()
    return watch


def _is_dense(tensor: Tensor) -> bool:
    """Whether the numbers of a tensor lie one after the other, or, of a map, position by position."""
    formats = {4: [torch.channels_last], 5: [torch.channels_last_3d]}.get(tensor.dim(), [])
    return any(tensor.is_contiguous(memory_format=each) for each in (torch.contiguous_format, *formats))


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def peak(run: Callable[[], object], inputs: Iterable[Tensor], weights: Iterable[Tensor] = ()) -> int:
    """The most bytes that live at once while something runs without gradients, with what goes in."""
    with torch.no_grad(), Watch(weights) as watch:
        for each in inputs:
            watch.see(each)
        run()
    return watch.peak


def kept(run: Callable[[], object], weights: Iterable[Tensor] = ()) -> int:
    """The bytes of all memory that autograd keeps for the backward pass, but for that of weights and buffers."""
    known = {_key(each) for each in weights}
    found: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if _key(tensor) not in known:
            found[_key(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    return sum(each.untyped_storage().nbytes() for each in found.values())


def held(model: nn.Module) -> list[Tensor]:
    """The weights and buffers of a module."""
    return [*model.parameters(), *model.buffers()]

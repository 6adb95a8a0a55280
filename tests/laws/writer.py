"""Random programs over all that the language has: blocks in blocks, with everything that an argument can be.

A program is made from a number, so that it can be made again: `program(17).text`. Blocks are tried out on several inputs
and arguments while they are written, and called with others, so that one class has to serve unlike instances.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from laws import parts
from laws.blocks import Blocks, declared, indented
from laws.parts import (
    Names,
    Size,
    joined,
    written,
)
from laws.scopes import FUNCTIONS, Parameter, Scope


@dataclass(frozen=True)
class Text:
    """A program: its text, the hyper-parameters that are set from outside, and how often each construct occurs."""

    text: str
    settings: dict[str, Any]
    seen: Counter[str]

    @property
    def opened(self) -> str | None:
        """The same on images of any size, where one comes in; it may be that a layer needs to know the size."""
        made, count = re.subn(r"^(\s*input )\d+x\d+x(\d+)$", r"\1(\2, H, W)", self.text, flags=re.MULTILINE)
        return made if count == 1 else None


class Writer(Blocks):
    """Writes one program."""

    def program(self) -> Text:
        """A text with blocks, and a network that calls them."""
        r = self.r
        kind, rank = r.choice(
            [("image", 2)] * 7 + [("image", 1), ("image", 3)] + [("sequence", 1)] * 3 + [("vector", 0)]
        )
        for number in range(r.choice([1, 2, 3, 3, 4, 5])):
            # now and then on what the network turns its tensors into
            this = (kind, rank) if self.chance(0.85) else r.choice([("vector", 0), ("sequence", 1)])
            if (block := self.block(number, *this)) is not None:
                self.blocks.append(block)
        lines, seen = self.bare(rank) if kind == "image" and self.chance(0.1) else self.net(kind, rank)
        used = {tag.removeprefix("call ") for tag in seen if tag.startswith("call ")}
        while more := {word for block in self.blocks if block.name in used for word in block.uses} - used:
            used |= more
        kept = [block for block in self.blocks if block.name in used]
        head = [FUNCTIONS[word][0] for word in sorted(self.functions)]
        if self.chance(0.06):
            head.insert(0, r.choice(["default conv(act=relu)", "default conv(norm=bn)", "default ln(eps=0.001)"]))
            seen.append("default of a file")
        definitions = [block.text for block in kept]
        text = "\n".join([*head, *definitions, *lines]) + "\n"
        counted = Counter(tag for tag in seen if not tag.startswith("call "))
        for block in kept:
            counted.update(tag for tag in block.seen if not tag.startswith("call "))
        calls = Counter(
            tag for tag in [*seen, *(tag for block in kept for tag in block.seen)] if tag.startswith("call ")
        )
        counted["block called several times"] = sum(1 for count in calls.values() if count > 1)
        words_ = {word for word in self.switched if re.search(rf"\b{word}\?", text)}
        settings = {word: value for word, value in self.settings.items() if word in words_ or word in {"net", "N", "M"}}
        return Text(text, settings, counted)

    def bare(self, rank: int) -> tuple[list[str], list[str]]:
        """A network that is one chain, whose free names are set from outside."""
        x = self.some("image", rank)
        values: Names = {"N": self.r.choice([0, 1, 2, 3]), "M": self.r.choice([4, 6, 8])}
        scope = Scope([(x, dict(values))], {"N": "count", "M": "width"})
        made = self.chain(scope, 4, 2)
        if (part := self.call(scope, 2)) is not None and self.tried(scope, part):
            made = joined([made, part])
        sizes = "x".join(map(str, (*x.grid, x.channels)))
        text = f"{self.r.choice(['INPUT', 'input'])}[{sizes}] -> {made.text}"
        self.settings |= {word: value for word, value in values.items() if re.search(rf"\b{word}\b", text)}
        return [text], [*made.seen, "bare chain"]

    def net(self, kind: str, rank: int) -> tuple[list[str], list[str]]:
        """The network: its lines, and the constructs in it."""
        r = self.r
        lines: list[str] = []
        seen: list[str] = []
        scope = Scope([], {})
        first = ""
        names: Names = {}
        x = self.some(kind, rank)
        inputs: list[str] = []
        if kind == "sequence" and self.chance(0.6):
            length = r.randint(4, 8)
            many = 2 if self.chance(0.5) else 1
            words_ = ["source", "target"][:many]
            for word in words_:
                names[word] = Size("tokens", (r.randint(4, 8) if word != words_[-1] else length,))
                inputs.append(f"input {word}: tokens({names[word].shape[0]})")
            width = r.choice([4, 6, 8])
            x = names[words_[-1]]
            seen += ["tokens", *(["several inputs"] if many > 1 else [])]
            lines += self.words(words_, names, scope, width, seen)
            x = names["__last"]
            first = ""
        else:
            many = r.choice([1, 1, 1, 1, 2])
            if many == 1:
                inputs.append(f"input {_shown(x, r)}")
            else:
                seen.append("several inputs")
                names["left"] = x
                names["right"] = x if self.chance(0.6) else self.some(kind, rank)
                inputs += [f"input left: {_shown(names['left'], r)}", f"input right: {_shown(names['right'], r)}"]
                scope.sorts |= {"left": "tensor", "right": "tensor"}
                first = "left -> "
        parameters: list[Parameter] = []
        for sort, word in (("width", "c"), ("flag", "f"), ("count", "n"), ("act", "act")):
            if self.chance(0.2):
                value = self.argument(None, sort)
                assert value is not None
                parameters.append(Parameter(word, sort, value))
                names[word] = value.value({})
                scope.sorts[word] = sort
                seen.append("parameter of a network")
        scope.probes = [(x, names)]
        body, _, tags = self.body(scope, 2, 1, first)
        seen += tags
        if "right" in names and not any("right" in line for line in body):
            part = self.joining(scope, "right")
            if part is not None and self.tried(scope, part):
                body.append(part.text)
                seen += part.seen
        for _ in range(r.choice([0, 1, 1, 2])):
            part = self.call(scope, 2)
            if part is not None and self.tried(scope, part):
                body.append(part.text)
                seen += part.seen
        ends = self.ending(scope, body, seen)
        lines = [*inputs, *lines, *body, *ends]
        if self.chance(0.06):
            lines.insert(0, r.choice(["init kaiming", "init xavier"]))
            seen.append("init")
        if not parameters and self.chance(0.15):
            seen.append("statements without a net")
            return lines, seen
        if parameters and self.chance(0.3):
            seen.append("family")
            self.settings["net"] = "whole"
            given = ", ".join(f"{each.name}={declared(each).partition('=')[2]}" for each in parameters)
            heads = ", ".join(each.name for each in parameters)
            return [f"net base({heads}) {{", indented(lines), "}", f"net whole = base({given})"], seen
        head = f"net whole{'(' + ', '.join(map(declared, parameters)) + ')' if parameters else ''}"
        return [f"{head} {{", indented(lines), "}"], seen

    def words(self, inputs: list[str], names: Names, scope: Scope, width: int, seen: list[str]) -> list[str]:
        """Tokens as vectors, with masks and states."""
        r = self.r
        lines: list[str] = []
        shared = self.chance(0.4)
        if shared:
            lines.append(f"share words = embedding-{width}(9)")
            seen.append("share")
        for word in inputs:
            last = word == inputs[-1]
            tokens = names[word]
            made = "words" if shared else f"embedding-{width}(9)"
            seen.append("operator embedding")
            if self.chance(0.5):
                lines.append(f"mask_{word} = {word} -> padding_mask")
                names[f"mask_{word}"] = Size("mask", tokens.shape)
                scope.sorts[f"mask_{word}"] = "mask"
                seen.append("operator padding_mask")
            x = Size("sequence", (tokens.shape[0], width))
            if not last and self.chance(0.5):
                kind = r.choice(["gru", "lstm", "rnn"])
                states = "h, cell" if kind == "lstm" else "h"
                lines.append(f"memory, {states} = {word} -> {made} -> {kind}-{width}(states=true)")
                seen += [f"operator {kind}", "states", "several names"]
                names |= {"memory": x}
                scope.sorts["memory"] = "tensor"
                lines.append(
                    f"begun = {inputs[-1]} -> {made} -> {kind}-{width}({states.replace(' ', '')})".replace(",", ", ")
                )
                seen += ["state as operand", "operator embedding"]
                names["begun"] = Size("sequence", (names[inputs[-1]].shape[0], width))
                scope.sorts["begun"] = "tensor"
                if self.chance(0.4):
                    lines.append("last = h -> final -> fc-4")
                    seen.append("operator final")
                    names["last"] = Size("vector", (4,))
                    scope.sorts["last"] = "tensor"
                continue
            name_ = f"{word}_vectors"
            more = r.choice(["", " -> ln", " -> position_embedding", f" -> fc-{width}"])
            lines.append(f"{name_} = {word} -> {made}{more}")
            names[name_] = x
            scope.sorts[name_] = "tensor"
            if last:
                names["__last"] = x
        if shared:
            scope.sorts["words"] = "tied"
            names["words"] = (9, width)
        return lines

    def ending(self, scope: Scope, body: list[str], seen: list[str]) -> list[str]:
        """The head, and what comes out."""
        r = self.r
        lines: list[str] = []
        x = scope.size
        if tied := scope.of("tied"):
            width = scope.probes[0][1][tied[0]][1]
            if x.kind in {"sequence", "vector"} and x.rank < 2 and self.chance(0.7):
                lines.append(f"fc-{width} -> tied({tied[0]})")
                seen.append("operator tied")
                return self.outputs(scope, lines, seen)
        if x.kind != "vector" and self.chance(0.5):
            for _ in range(3):
                part = parts.turned(r, scope.size)
                if self.tried(scope, part):
                    lines.append(part.text)
                    seen += part.seen
                    made = self.chain(scope, 3, 1)
                    lines.append(made.text)
                    seen += made.seen
                    break
        if self.chance(0.4) and scope.size.kind in {"image", "vector"}:
            more = "(norm=bn)" if self.chance(0.2) else ""
            lines.append(f"fc-{r.choice([2, 5])}{more} as head")
            seen += ["operator fc", "label"]
            if scope.size.kind == "image":
                seen.append("operator flatten")
        return self.outputs(scope, lines, seen)

    def outputs(self, scope: Scope, lines: list[str], seen: list[str]) -> list[str]:
        """Statements for several outputs, if there are several."""
        tensors = [
            word
            for word in scope.of("tensor")
            if scope.probes[0][1][word].kind in {"image", "sequence", "vector"} and word not in {"left", "right"}
        ]
        if not tensors or not self.chance(0.45):
            return lines
        chosen = self.r.sample(tensors, min(len(tensors), self.r.choice([1, 1, 2])))
        lines.append("answer = identity")
        if self.chance(0.55):
            made = f"{chosen[0]} -> {self.r.choice(['identity', 'dropout(0.2)', 'tanh'])}"
            lines += [f"aside = {made}", f"output {', '.join(['answer', *chosen[1:]])}", "output aside (train)"]
            seen += ["output in training mode"]
        else:
            lines.append(f"output {', '.join(['answer', *chosen])}")
            seen += ["several outputs"]
        return lines


def _shown(x: Size, r: random.Random) -> str:
    """A size as a text has it, in one of its orders."""
    if x.kind == "image" and (x.rank == 1 or r.random() < 0.7):
        return "x".join(map(str, (*x.grid, x.channels)))
    if x.kind == "vector":
        return str(x.channels)
    if x.kind == "sequence":
        return r.choice(["", "sequence"]) + written(x.shape)
    return written(x.shape)


def program(seed: int) -> Text:
    """The program of a number."""
    return Writer(seed).program()


def programs(begin: int, end: int) -> Iterator[Text]:
    """The programs of a row of numbers."""
    return (program(seed) for seed in range(begin, end))

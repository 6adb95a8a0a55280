"""The pages say what the program does: every example gives what stands below it, and the guide's operator works."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import archdsl
from archdsl.elaborate.library import zoo_names
from archdsl.ops import BUILTIN, collect, resample

ROOT = Path(__file__).resolve().parent.parent


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


examples = _loaded(ROOT / "docs" / "page_examples.py")


@pytest.mark.skipif(shutil.which("bash") is None, reason="the examples are written for bash")
@pytest.mark.parametrize("page", examples.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_give_what_it_shows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert examples.refreshed(text) == text, "run `python docs/page_examples.py` and look at the difference"


def test_an_example_that_gives_something_else_is_noticed() -> None:
    page = "```arch\nINPUT[8x8x3] -> RELU\n```\n\n```summary\nanother table\n```\n"
    assert "8x8x3 -> 8x8x3" in examples.refreshed(page)


def test_the_operator_of_the_contribution_guide_works_as_shown() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(@final\n.*?)```", guide, re.DOTALL)
    assert found is not None
    module = ModuleType("pixel_shuffle_of_the_guide")
    sys.modules[module.__name__] = module
    module.__dict__.update({name: value for name, value in vars(resample).items() if not name.startswith("__")})
    exec(f"from archdsl.ops.operator import slide\n{found[1]}", module.__dict__)

    text = "INPUT[56x56x64] -> conv3-12 -> PIXEL_SHUFFLE(2) -> conv3-3"
    net = archdsl.parse(text, operators=collect(*BUILTIN, module))
    assert net.outputs["y"].shape == (3, 112, 112)
    assert "self.pixel_shuffle1 = nn.PixelShuffle(2)" in net.source()
    with pytest.raises(archdsl.ArchError, match="13 channels do not split into squares"):
        archdsl.parse(text.replace("-12", "-13"), operators=collect(*BUILTIN, module))
    assert f"{net.params:,} parameters" in guide
    assert f"{net.macs:,} MACs" in guide


def test_the_gallery_shows_every_network_small_and_large() -> None:
    gallery = _loaded(ROOT / "docs" / "gallery.py")
    page = gallery.page([f"{name}.svg" for name in zoo_names()])
    for name in zoo_names():
        assert f'<a href="#{name}"><img src="gallery/{name}.svg"' in page
        assert f"## {name} {{ #{name} }}\n\n![{name}](gallery/{name}.svg)" in page

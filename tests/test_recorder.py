"""What the parts of a text come to, by their places: what an editor shows of them."""

from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, types_by_span
from archdsl.elaborate.recorder import Recorder


def types(text):
    """The types after each element, by its words, in the order of the text."""
    found = types_by_span(Source("t.arch", text))
    return {text[span.start : span.end]: [" ".join(map(str, each)) for each in found[span]] for span in sorted(found)}


def values(text):
    recorder = Recorder()
    check_source(Source("t.arch", text), Options(recorder=recorder))
    found = sorted(recorder.values.items(), key=lambda each: each[0].span)
    return {place.text: [str(value) for value in each] for place, each in found}


def test_each_element_has_the_type_that_comes_out_of_it():
    assert types("INPUT[32x32x3] -> conv3-16 -> pool2 -> fc-10") == {
        "INPUT[32x32x3]": ["32x32x3"],
        "conv3-16": ["32x32x16"],
        "pool2": ["16x16x16"],
        "fc-10": ["10"],
    }


def test_an_element_of_a_block_has_a_type_for_each_call_that_differs():
    text = "block b(c) = conv3-c -> relu\nnet n {\n input 8x8x3\n b(4) -> b(5) -> b(5) -> b(5)\n}\n"
    assert types(text) == {
        "conv3-c": ["8x8x4", "8x8x5"],
        "relu": ["8x8x4", "8x8x5"],
        "b(4)": ["8x8x4"],
        "b(5)": ["8x8x5"],
    }


def test_what_is_inside_groups_branches_and_repeats_has_its_types_too():
    text = "INPUT[8x8x3] -> [conv3-4 -> add { relu | conv1-4 }]*9 -> [conv1-c for c in [1, 2]]"
    found = types(text)
    assert found["[conv3-4 -> add { relu | conv1-4 }]*9"] == found["relu"] == ["8x8x4"]
    assert found["conv1-c"] == ["8x8x1", "8x8x2"]


def test_several_tensors_that_come_out_are_several_types():
    assert types("net n {\n input (5, 4)\n a, h, c = lstm-3(states=true)\n output a, h, c\n}")[
        "lstm-3(states=true)"
    ] == ["5x3 1x3 1x3"]


def test_sizes_that_are_left_open_are_formulas_also_where_the_first_example_does_not_fit():
    text = "net n {\n input (3, H, W)\n require H == W\n require H % 30 == 0\n conv3-4/2 -> pool2\n}"
    assert types(text)["conv3-4/2"] == ["ceil(H/2)xceil(W/2)x4"]


def test_what_is_right_has_its_type_where_something_else_is_wrong():
    assert types(
        "net n {\n input 8x8x3\n x = conv3-4 -> nosuch -> relu\n y = x -> fc-2\n}\nnet m {\n input 4\n fc-2\n}\n"
    ) == {
        "conv3-4": ["8x8x4"],
        "fc-2": ["2"],
    }


def test_names_and_expressions_have_values():
    text = "let a = [2, 3]\nblock b(c, act=relu) = conv3-(2*c) -> act\nnet n {\n input 8x8x3\n [b(i) for i in a] -> fc-(in.width)\n}\n"
    found = values(text)
    assert found["[2, 3]"] == ["(2, 3)"]
    assert found["i"] == ["2", "3"]
    assert found["2*c"] == ["4", "6"]
    assert found["in"] == ["tensor 8x8x3"]
    assert found["in.width"] == ["8"]


def test_a_value_that_failed_is_none():
    assert "1/0" not in values("INPUT[8x8x3] -> conv3-(1/0)")

"""The command line as people and scripts meet it: what it says, where, with which exit code, and what it imports."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from work import HANGS

import archdsl
from archdsl import cli
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.files import write_atomically
from archdsl.cli import screen
from archdsl.elaborate.library import zoo_names
from archdsl.report.zoo import Entry
from archdsl.request import Unclear, input_size, setting

ROOT = Path(__file__).parent.parent
CHAIN = "INPUT[32x32x3] -> CONV3-16 -> RELU -> FC-10"
BROKEN = "INPUT[32x32x3] -> CNOV3-16"


@pytest.fixture
def run(capsys):
    """Runs a command; its exit code, output and errors."""

    def run(*arguments):
        code = cli.main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def process(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, "-m", "archdsl", *arguments]
    return subprocess.run(command, check=False, capture_output=True, env=environment, timeout=HANGS, **options)


# --- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["--help"]),
        (0, ["--version"]),
        (0, ["summary", "--help"]),
        (0, ["check", "-e", CHAIN]),
        (0, ["check", "vgg16", "resnet18", "-e", CHAIN]),
        (0, ["summary", "resnet18"]),
        (0, ["explain", "resnet18", "layer1.0.conv1"]),
        (0, ["explain", "E0304"]),
        (0, ["explain", "e0304"]),
        (0, ["explain", "conv"]),
        (0, ["explain", "CONV"]),
        (0, ["explain", "operators"]),
        (0, ["explain", "inception"]),
        (0, ["draw", "resnet18", "-o", "-"]),
        (0, ["json", "resnet18"]),
        (0, ["zoo"]),
        (1, ["check", "-e", BROKEN]),
        (1, ["check", "vgg16", "no_such_network"]),
        (1, ["check", "nowhere/net.arch"]),
        (1, ["summary", "-e", BROKEN]),
        (1, ["summary", "vgg17"]),
        (1, ["summary", "vgg16:vgg19"]),
        (1, ["explain", "resnet18", "layer9"]),
        (1, ["summary", "vgg16", "--set", "clases=3"]),
        (1, ["check", "--exact", "-e", "INPUT[8x8x3] -> conv3-4/2(p=0)"]),
        (2, []),
        (2, ["frobnicate"]),
        (2, ["summary"]),
        (2, ["summary", "vgg16", "-e", CHAIN]),
        (2, ["summary", "vgg16", "--depth", "-1"]),
        (2, ["summary", "vgg16", "--set", "classes"]),
        (2, ["summary", "vgg16", "--set", "9=3"]),
        (2, ["summary", "vgg16", "--set", "classes=1 + 1"]),
        (2, ["summary", "vgg16", "--input", "large"]),
        (2, ["summary", "vgg16", "--input", "0x3x3"]),
        (2, ["check"]),
        (2, ["explain"]),
        (2, ["explain", "a", "b", "c"]),
        (2, ["explain", "E9876"]),
        (2, ["compile", "vgg16", "-o", "no/such/folder/x.py"]),
        (2, ["draw", "vgg16", "-o", "x.jpeg"]),
        (3, ["check", "-e", "[" * 100 + "relu" + "]" * 100]),
        (1, ["check", "no_such_network", "-e", "[" * 100 + "relu" + "]" * 100]),
        (3, ["summary", "-e", "net n {\n input 8x8x3\n [relu for i in range(10000000)]\n}"]),
    ],
)
def test_exit_codes(run, code, arguments):
    found, out, err = run(*arguments)
    assert found == code
    assert "Traceback" not in out + err
    assert out + err


def test_errors_of_a_network_go_to_stderr_and_those_that_check_was_asked_for_to_stdout(run):
    _, out, err = run("summary", "-e", BROKEN)
    assert "E0201" in err
    assert not out
    _, out, err = run("check", "-e", BROKEN)
    assert "E0201" in out
    assert err == "1 text checked: 1 error\n"


def test_an_internal_error_apologises(run, monkeypatch):
    def broken(*_):
        raise RuntimeError("\x1b[31mnobody expects this")

    monkeypatch.setattr("archdsl.request.compile_source", broken)
    code, out, err = run("summary", "vgg16")
    assert code == 70
    assert not out
    assert "RuntimeError" in err
    assert "Please report it" in err
    assert "\x1b" not in err
    assert "Traceback" not in err
    monkeypatch.setenv(cli.TRACEBACK, "1")
    code, out, err = run("summary", "vgg16")
    assert (code, out) == (70, "")
    assert "Traceback" in err
    assert "\x1b" not in err


def test_ctrl_c_is_quiet(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("archdsl.request.compile_source", interrupted)
    code, out, err = run("summary", "vgg16")
    assert (code, out, err.strip()) == (130, "", "")


def test_a_closed_pipe_is_quiet():
    chain = " -> ".join(f"conv3-{width}" for width in range(1, 500))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHAIN": f"INPUT[8x8x3] -> {chain}"}
    environment.pop("PYTHONUNBUFFERED", None)
    script = f'set -o pipefail; "{sys.executable}" -m archdsl json -e "$CHAIN" | head -c 10; echo ":$?"'
    found = subprocess.run(["bash", "-c", script], check=False, capture_output=True, env=environment, timeout=HANGS)
    assert found.stderr == b""
    assert found.stdout.endswith(b":141\n")


# --- which network ----------------------------------------------------------------------------------------------------


def test_every_way_to_name_a_network(run, folder, monkeypatch):
    (folder / "one.arch").write_text(CHAIN)
    (folder / "two.arch").write_text("net a { input 8x8x3\n fc-1 }\nnet b { input 8x8x3\n fc-2 }\n")
    assert run("summary", "one.arch")[1].startswith("one: 32x32x3 -> 10\n")
    assert run("summary", folder / "one.arch")[1].startswith("one: ")
    assert run("summary", "two.arch:b")[1].startswith("b: 8x8x3 -> 2\n")
    assert run("summary", "lenet5")[1].startswith("lenet5: ")
    assert run("summary", "-e", CHAIN)[1].startswith("network: 32x32x3 -> 10\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CHAIN.encode())))
    assert run("summary", "-")[1].startswith("network: 32x32x3 -> 10\n")
    code, _, err = run("summary", "two.arch")
    assert code == 1
    assert "name one, as in `file.arch:a`" in err


def test_standard_input_that_is_no_text(run, monkeypatch):
    for data in (b"# \xff\xfe", b"INPUT[8x8x3] \x00"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code, _, err = run("check", "-")
        assert code == 1
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code, _, err = run("summary", "-")
        assert code == 1
        assert "E0107" in err


def test_spaces_before_the_end_of_a_line_mean_nothing(run):
    text = "net n { \t \n  input 8x8x3  \r\n\t conv3-4 \t\n\n   relu  \n} \n"
    assert run("check", "-e", text)[0] == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=10", 10),
        ("n=-3", -3),
        ("n=0.5", 0.5),
        ("n=1e-3", 1e-3),
        ("n=true", True),
        ("n=false", False),
        ("n=none", False),
        ("n=[2, 2, [3]]", (2, 2, (3,))),
        ("n=(1, 2)", (1, 2)),
        ("n=[]", ()),
        ('n="a = b"', "a = b"),
        ("n=bottleneck", "bottleneck"),
        ("n=resnet-18", "resnet-18"),
        (" n = 10 ", 10),
    ],
)
def test_settings(text, value):
    found = setting(text)
    assert found == ("n", value)
    assert type(found[1]) is type(value)


@pytest.mark.parametrize(
    "text",
    ["n", "=3", "n=", "n=1+1", "n=[1", "n=f(x)", "n=1\nm=2", "n=import os", "1=2", "n=" + "[" * 999, "n=" + "9" * 999],
)
def test_settings_that_set_nothing(text):
    with pytest.raises(Unclear):
        setting(text)


def test_settings_reach_the_network(run):
    assert run("summary", "vgg16", "--set", "classes=10")[1].startswith("vgg16: 224x224x3 -> 10\n")
    pattern = "INPUT[32x32x3] -> [[CONV3-16 -> RELU]*N -> POOL?]*M -> [FC-64 -> RELU]*K -> FC-10"
    for (n, m, k), params in (((2, 3, 1), "29,146"), ((0, 0, 0), "30,730")):
        settings = ["--set", f"N={n}", "--set", f"M={m}", "--set", f"K={k}"]
        assert f"{params} parameters" in run("summary", "-e", pattern, *settings)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "N=2", "--set", "M=1", "--set", " N =3"], "--set N is given 2 times: N=2,  N =3"),
        (["--input", "32x32x3", "--input", "28x28x1"], "--input is given 2 times: 32x32x3, 28x28x1"),
        (["-e", CHAIN, "-e", BROKEN], f"--expression is given 2 times: {CHAIN}, {BROKEN}"),
    ],
)
@pytest.mark.parametrize("command", ["summary", "check", "json"])
def test_what_is_meant_once_is_given_once(run, command, arguments, said):
    code, out, err = run(command, *arguments)
    assert (code, out) == (2, "")
    assert f"Error: {said}\n" in err


IMAGE = TensorType.image


@pytest.mark.parametrize(
    ("text", "declared", "size"),
    [
        ("28x28x1", IMAGE(1, 32, 32), IMAGE(1, 28, 28)),
        ("1x28x28", IMAGE(1, 32, 32), IMAGE(1, 28, 28)),
        ("64x48x3", IMAGE(3, 32, 32), IMAGE(3, 64, 48)),
        ("3x64x48", IMAGE(3, 32, 32), IMAGE(3, 64, 48)),
        ("3x64x3", IMAGE(3, 32, 32), IMAGE(3, 3, 64)),  # both fit: as papers write it
        ("64x48x5", IMAGE(3, 32, 32), IMAGE(5, 64, 48)),  # neither fits
        ("1x28x28", None, IMAGE(28, 1, 28)),
        ("(1, 28, 30)", IMAGE(3, 32, 32), IMAGE(1, 28, 30)),
        ("(28, 28, 1)", IMAGE(1, 32, 32), IMAGE(28, 28, 1)),
        ("(5, 7)", None, TensorType((5, 7), Kind.SEQUENCE)),
        ("(784,)", None, TensorType.vector(784)),
        ("784", None, TensorType.vector(784)),
        ("100x3", IMAGE(3, 50), IMAGE(3, 100)),
        ("16x64x48x3", IMAGE(3, 8, 8, 8), IMAGE(3, 16, 64, 48)),
        ("3X64×48", IMAGE(3, 32, 32), IMAGE(3, 64, 48)),
    ],
)
def test_input_sizes(text, declared, size):
    assert input_size(text, lambda: declared) == size


@pytest.mark.parametrize("text", ["", "x", "1x", "0x1x1", "-1x2x3", "1x2x3x4x5", "(1, 2", "9" * 30, "(0, 1)", "1,2,3"])
def test_input_sizes_that_are_none(text):
    with pytest.raises(Unclear):
        input_size(text, lambda: None)


def test_the_input_is_replaced(run):
    for size in ("64x48x3", "3x64x48", "(3, 64, 48)"):
        assert run("summary", "resnet18", "--input", size)[1].startswith("resnet18: 64x48x3 -> 1000\n")
    # the stated size is wrong for the network, and the one that is asked for is right
    assert run("summary", "-e", "INPUT[2x2x3] -> conv5-4(p=0)", "--input", "9x9x3")[0] == 0


# --- check ------------------------------------------------------------------------------------------------------------


def test_the_whole_zoo_is_right(run):
    code, out, err = run("check", *zoo_names())
    assert (code, out) == (0, "")
    assert err == f"{len(zoo_names())} texts checked: no errors\n"


def test_all_faults_of_all_texts_in_one_run(run):
    text = "INPUT[8x8x3] -> CNOV3-4\n -> relu9"
    code, out, err = run("check", "--format", "concise", "-e", text, "nowhere")
    assert code == 1
    assert re.findall(r"E\d{4}", out) == ["E0501", "E0201", "E0310"]
    assert "2 texts checked: 3 errors" in err


@pytest.mark.parametrize("style", ["json", "github", "concise", "full"])
def test_formats(run, style):
    code, out, _ = run("check", "--format", style, "-e", BROKEN)
    assert code == 1
    if style == "json":
        assert json.loads(out)["diagnostics"][0]["code"] == "E0201"
    elif style == "github":
        assert out.startswith("::error file=<expression>,line=1,")
    else:
        assert "E0201" in out
    assert json.loads(run("check", "--format", "json", "-e", CHAIN)[1])["diagnostics"] == []


def test_warnings_are_no_errors(run):
    code, out, err = run("check", "-e", "net n {\n input 8x8x3\n x = conv3-4\n x -> relu\n x -> tanh\n}")
    assert code == 0
    assert "warning[W0603]" in out
    assert err == "1 text checked: no errors, 1 warning\n"


def test_a_limit_beside_an_error_is_an_error(run):
    assert run("check", "-e", f"{BROKEN} -> [relu for i in range(10**9)]")[0] == 1


def test_hostile_names_do_not_reach_the_terminal(run, folder):
    name = "\x1b[31mred\u202e.arch"
    (folder / name).write_text(BROKEN)
    for arguments in (
        ["check", name],
        ["check", "--format", "concise", name],
        ["summary", name],
        ["summary", "\x1b[2J"],
    ):
        code, out, err = run(*arguments)
        assert code == 1
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err


# --- summary, json, explain, zoo --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["summary", "summary --memory", "time --device h100"])
def test_json_has_every_row_unless_a_depth_is_given(run, command):
    word, *options = command.split()

    def rows(*more):
        return [row["path"] for row in json.loads(run(word, "densenet121", *options, "--json", *more)[1])["rows"]]

    net = archdsl.load("densenet121")
    assert rows() == rows("--depth", "0") == [row.path for row in net.summary(0).rows]
    assert rows("--depth", "1") == [row.path for row in net.summary(1).rows]
    assert len(net.summary().rows) < len(rows())


def test_json_forms(run):
    assert json.loads(run("summary", "resnet18", "--json")[1])["params"] == 11_689_512
    assert len(json.loads(run("summary", "resnet18", "--json", "--depth", "1")[1])["rows"]) == 10
    assert json.loads(run("json", "resnet18")[1])["format"] == "archdsl.structure"
    nets = {each["name"]: each for each in json.loads(run("zoo", "--json")[1])["networks"]}
    assert sorted(nets) == zoo_names()
    assert nets["googlenet"]["params"] == 6_998_552
    assert "1409.1556" in nets["vgg16"]["paper"]


def test_the_zoo_fits_into_eighty_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("zoo")
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(r"^resnet152 +60,192,808  11.5G  224x224x3 +He et al. 2015$", out, re.MULTILINE)
    assert re.search(r"^transformer +63,082,496  4.11G  2 × 64 tokens +Vaswani", out, re.MULTILINE)
    assert out.index("resnet18 ") < out.index("resnet101 ")


@pytest.mark.parametrize(
    ("paper", "authors"),
    [
        ("Krizhevsky 2014, One weird trick for parallelizing", "Krizhevsky 2014"),
        ("Simonyan, Zisserman 2014, Very Deep Convolutional Networks", "Simonyan, Zisserman 2014"),
        ("Ronneberger, Fischer, Brox 2015, U-Net", "Ronneberger et al. 2015"),
        ("He, Zhang, Ren, Sun 2015, Deep Residual Learning", "He et al. 2015"),
        ("a network of our own", "a network of our own"),
    ],
)
def test_of_more_than_two_authors_the_first_is_named(paper, authors):
    assert Entry("n", "8x8x3", (0, 0), paper, "").authors == authors


def test_explain_prefers_a_file_to_a_page(run, folder):
    (folder / "conv").write_text(CHAIN)
    assert run("explain", "conv")[1].startswith("conv\n  shape ")


def test_explain_of_an_expression(run):
    assert "16*(3*3*3) + 16 = 448" in run("explain", "-e", CHAIN)[1]
    assert run("explain", "-e", CHAIN, "conv1")[1].startswith("conv1: 3×3 conv, 16\n")


def test_depth(run):
    assert len(run("summary", "resnet18", "--depth", "1")[1]) < len(run("summary", "resnet18", "--depth", "0")[1])


# --- files ------------------------------------------------------------------------------------------------------------


def test_compile_writes_and_says_what(run, folder):
    code, out, err = run("compile", "lenet5")
    assert (code, err) == (0, "")
    text = (folder / "lenet5.py").read_text()
    assert out == f"wrote lenet5.py: {text.count(chr(10))} lines, 61,706 parameters, 416,520 MACs\n"
    assert text == archdsl.load("lenet5").source()
    compile(text, "lenet5.py", "exec")


def test_standard_output_holds_nothing_but_the_source(folder):
    found = process("compile", "lenet5", "-o", "-", cwd=folder)
    assert found.stdout.decode() == archdsl.load("lenet5").source()
    assert found.stderr == b""
    assert list(folder.iterdir()) == []


def test_nothing_is_written_of_a_text_with_faults(run, folder):
    assert run("compile", "-e", BROKEN, "-o", "x.py")[0] == 1
    assert list(folder.iterdir()) == []


def test_draw_writes_what_the_ending_says(run, folder, monkeypatch):
    monkeypatch.setattr("archdsl.draw.render.render", lambda text, kind: f"{kind} of {text}".encode())
    dot = str(archdsl.load("lenet5").draw())
    assert run("draw", "lenet5")[:2] == (0, "wrote lenet5.svg\n")
    assert (folder / "lenet5.svg").read_text() == f"svg of {dot}"
    assert run("draw", "lenet5", "-o", "x.pdf", "-o", "x.dot")[:2] == (0, "wrote x.pdf\nwrote x.dot\n")
    assert (folder / "x.dot").read_text() == dot
    assert run("draw", "lenet5", "-o", "-", "-o", "y.svg")[1] == dot
    assert str(archdsl.load("lenet5").draw(folder / "z.svg")) == dot
    assert (folder / "z.svg").read_text() == f"svg of {dot}"
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.dot, \.mmd"):
        archdsl.load("lenet5").draw("x.jpeg")


def test_without_graphviz_dot_is_written_and_a_message_says_what_to_install(run, folder, monkeypatch):
    from archdsl.draw.render import NoGraphviz

    def missing(text, kind):
        raise NoGraphviz

    monkeypatch.setattr("archdsl.draw.render.render", missing)
    code, out, err = run("draw", "lenet5")
    assert (code, out) == (0, "wrote lenet5.dot\n")
    assert "pip install" in err
    code, out, err = run("draw", "lenet5", "-o", "x.svg", "-o", "y.dot")
    assert (code, out) == (1, "wrote x.dot\nwrote y.dot\n")
    assert archdsl.load("lenet5")._repr_svg_() is None
    assert sorted(each.name for each in folder.iterdir()) == ["lenet5.dot", "x.dot", "y.dot"]


def test_draw_says_what_it_did_not_find(run, folder):
    assert "there is no block `layer9` to open" in run("draw", "resnet18", "-o", "x.dot", "--expand", "layer9")[2]


def test_files_are_replaced_whole(folder):
    old, link = folder / "old.txt", folder / "link.txt"
    old.write_bytes(b"old")
    old.chmod(0o640)
    link.symlink_to(old)
    write_atomically({link: b"new"})
    assert old.read_bytes() == b"new"
    assert link.is_symlink()
    assert old.stat().st_mode & 0o777 == 0o640
    with pytest.raises(OSError, match="missing"):
        write_atomically({old: b"newer", folder / "missing" / "x": b""})
    assert old.read_bytes() == b"new"
    assert sorted(each.name for each in folder.iterdir()) == ["link.txt", "old.txt"]


def test_what_is_no_file_is_written_to_and_not_replaced(folder):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically({pipe: b"through"})
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


# --- the terminal -----------------------------------------------------------------------------------------------------


def on_a_terminal(*arguments, columns=80, **environment):
    """What a command writes to a terminal of some width, standard output and errors together."""
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **environment}
    for name in ("COLUMNS", "NO_COLOR"):
        if name not in environment:
            given.pop(name, None)
    command = [sys.executable, "-m", "archdsl", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=given):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode()


def test_colour_on_a_terminal_only():
    assert "\x1b[1mresnet18: " in on_a_terminal("summary", "resnet18")
    assert "\x1b[1;31merror[E0201]" in on_a_terminal("check", "-e", BROKEN)
    assert "\x1b" not in on_a_terminal("summary", "resnet18", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("check", "-e", BROKEN, TERM="dumb")
    assert b"\x1b" not in process("summary", "resnet18").stdout


@pytest.mark.parametrize("coloured", ["stdout", "stderr"])
def test_each_stream_has_colours_of_its_own(run, monkeypatch, coloured):
    monkeypatch.setattr(screen, "is_terminal", lambda stream: stream is getattr(sys, coloured))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for arguments, place in ((["check", "-e", BROKEN], "stdout"), (["summary", "-e", BROKEN], "stderr")):
        _, *said = run(*arguments)
        shown = said[place == "stderr"]
        assert "E0201" in shown
        assert ("\x1b[" in shown) is (place == coloured)
        assert "U+001B" not in shown


def test_a_wide_terminal_shows_receptive_fields():
    assert " sees" not in on_a_terminal("summary", "googlenet", columns=80)
    assert " sees" in on_a_terminal("summary", "googlenet", columns=120)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "koi8-r"])
def test_a_terminal_that_knows_few_characters_gets_an_answer(encoding):
    found = process("summary", "googlenet", env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert found.returncode == 0
    shown = found.stdout.decode(encoding)
    assert "conv, 64, /2" in shown
    assert "\\" not in shown


# --- start ------------------------------------------------------------------------------------------------------------

SLOW = ("torch", "networkx", "graphviz", "pygraphviz", "rich", "numpy", "onnx")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["check", "vgg16"],
        ["check", "-e", BROKEN],
        ["summary", "resnet152"],
        ["explain", "resnet152"],
        ["explain", "conv"],
        ["explain", "E0304"],
        ["json", "googlenet"],
        ["compile", "resnet18", "-o", "-"],
        ["draw", "resnet18", "-o", "-"],
        ["zoo"],
        ["completion", "bash"],
    ],
    ids=" ".join,
)
def test_nothing_slow_is_imported(arguments):
    script = (
        "import sys; from archdsl.cli import main; main(sys.argv[1:]);"
        f" print(sorted(set({SLOW!r}) & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *arguments]
    found = subprocess.run(
        command, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=HANGS
    )
    assert found.stderr.decode().splitlines()[-1] == "[]"


@pytest.mark.parametrize(("text", "needed"), [("INPUT[8x8x3] -> CONV3-4", False), ("INPUT[8x8x3] -> CONVV3-4", True)])
def test_the_words_for_faults_are_imported_for_a_fault(text, needed):
    script = (
        "import sys; from archdsl.cli import main; main(sys.argv[1:]); print('archdsl.elaborate.faults' in sys.modules)"
    )
    command = [sys.executable, "-c", script, "check", "-e", text]
    found = subprocess.run(
        command, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=HANGS
    )
    assert found.stdout.decode().splitlines()[-1] == str(needed)


def test_python_m_and_version():
    assert process("--version").stdout.decode() == f"archdsl, version {archdsl.__version__}\n"


# --- completion -------------------------------------------------------------------------------------------------------


def completed(*words):
    """What bash is offered for the last word of a command line."""
    line = " ".join(("archdsl", *words))
    environment = {"_ARCHDSL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    lines = process(env=environment).stdout.decode().splitlines()
    return [line.split(",", 1)[1] for line in lines if line]


def test_completion_of_commands_networks_and_paths():
    assert "summary" in completed("su")
    assert {"resnet18", "resnet152"} <= set(completed("summary", "resnet1"))
    assert {"conv", "E0304"} <= set(completed("explain", ""))
    assert completed("explain", "resnet18", "layer2.0.down") == [
        "layer2.0.downsample",
        "layer2.0.downsample.0",
        "layer2.0.downsample.1",
    ]
    assert completed("explain", "no_such_network", "lay") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run, shell):
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_ARCHDSL_COMPLETE" in out


def test_nothing_is_written_over_a_text(tmp_path, run):
    text = tmp_path / "mine.arch"
    text.write_text("INPUT[8x8x3] -> conv3-4")
    for command in ("json", "compile"):
        code, _, err = run(command, text, "-o", text)
        assert (code, "nothing is written over" in err) == (2, True)
    assert text.read_text() == "INPUT[8x8x3] -> conv3-4"


def test_one_output_is_one_thing(run):
    code, _, err = run("diff", "lenet5", "alexnet", "--json", "-o", "-")
    assert (code, "both go to standard output" in err) == (2, True)


def test_a_file_that_cannot_be_made_is_named_as_it_was_asked_for(tmp_path, run):
    code, _, err = run("json", "lenet5", "-o", tmp_path / "no" / "x.json")
    assert code == 2
    assert "x.json: no such file or directory" in err

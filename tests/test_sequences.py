"""Networks that read words, and MLP-Mixer: their figures a second time, by hand, and their layers beside torch's."""

import pytest
import torch
from torch import nn

import archdsl


def lstm(features, width, gates=4, directions=1):
    """A layer of nn.LSTM: a matrix for what comes in, one for the state, and two biases for each gate."""
    return directions * gates * (features * width + width**2 + 2 * width), directions * gates * (
        features + width
    ) * width


def classifier(gates):
    """A hundred words, 128 features each, and 256 units in both directions."""
    params, macs = lstm(128, 256, gates, directions=2)
    return 20_000 * 128 + params + 512 * 2 + 2, 100 * macs + 512 * 2


def lstm_lm(width=650, words=10_000):
    """Section 4.1 of arXiv:1409.2329."""
    params, macs = lstm(width, width)
    return words * width + 2 * params + width * words + words, 35 * (2 * macs + width * words)


def seq2seq(width=1000):
    """Section 3.4 of arXiv:1409.3215: four layers on each side."""
    params, macs = lstm(width, width)
    return 160_000 * width + 80_000 * width + 8 * params + 80_000 * width + 80_000, 30 * (8 * macs + 80_000 * width)


def seq2seq_attention(width=1000, words=50_000, length=50):
    """Section 4.1 of arXiv:1508.04025: four layers on each side, and W_c of equation 5."""
    params, macs = lstm(width, width)
    attention = 2 * length * width  # products with each state, then their weighted sum
    return (
        2 * words * width + 8 * params + 2 * width * width + words * width,
        length * (8 * macs + attention + 2 * width**2 + words * width),
    )


def attention(width):
    """Four matrices with biases."""
    return 4 * (width**2 + width)


def on_each_position(width, hidden):
    """Two matrices with biases."""
    return 2 * width * hidden + hidden + width


def transformer(width=512, hidden=2048, layers=6, words=37_000, length=64):
    """Section 3 of arXiv:1706.03762; a norm has 2 * width parameters."""
    params = words * width
    params += layers * (attention(width) + on_each_position(width, hidden) + 2 * 2 * width)
    params += layers * (2 * attention(width) + on_each_position(width, hidden) + 3 * 2 * width)
    matrices = layers * length * (3 * 4 * width**2 + 2 * 2 * width * hidden)
    return params, matrices + layers * 3 * 2 * length**2 * width + length * width * words


def gpt2(width=768, layers=12, words=50_257, length=1024):
    """The scores have the weights of the embedding."""
    layer = attention(width) + on_each_position(width, 4 * width) + 2 * 2 * width
    macs = layers * (12 * width**2 * length + 2 * length**2 * width) + length * width * words
    return words * width + length * width + layers * layer + 2 * width, macs


def bert(width=768, layers=12, words=30_522, length=512):
    """Embeddings of words, positions and two segments with a norm, the layers, and the pooler."""
    layer = attention(width) + on_each_position(width, 4 * width) + 2 * 2 * width
    macs = layers * (12 * width**2 * length + 2 * length**2 * width) + width**2
    return (words + length + 2) * width + 2 * width + layers * layer + width**2 + width, macs


def mlp_mixer(width=768, layers=12, patches=14**2, tokens=384, channels=3072):
    """Table 1 of arXiv:2105.01601, B/16."""
    layer = on_each_position(patches, tokens) + on_each_position(width, channels) + 2 * 2 * width
    macs = layers * (2 * patches * tokens * width + 2 * width * channels * patches)
    stem, head = 3 * 16**2 * width, width * 1000
    return stem + width + layers * layer + 2 * width + head + 1000, patches * stem + macs + head


BY_HAND = {
    "lstm_classifier": classifier(4),
    "gru_classifier": classifier(3),
    "rnn_classifier": classifier(1),
    "lstm_lm": lstm_lm(),
    "seq2seq": seq2seq(),
    "seq2seq_attention": seq2seq_attention(),
    "transformer": transformer(),
    "gpt2": gpt2(),
    "bert": bert(),
    "mlp_mixer": mlp_mixer(),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_figures_follow_from_the_paper(name):
    net = archdsl.load(name)
    assert (net.params, net.macs) == BY_HAND[name]


def test_seq2seq_has_the_parameters_of_its_paper():
    """384 million, 64 of them in the recurrent layers; biases are the rest."""
    net = archdsl.load("seq2seq")
    layers = 8 * lstm(1000, 1000)[1]
    assert (net.params, layers) == (384_000_000 + 8 * 8 * 1000 + 80_000, 64_000_000)


def test_weights_of_a_language_model_can_be_tied():
    """Without a second matrix and without its bias."""
    assert archdsl.load("lstm_lm", tie=True).params == lstm_lm()[0] - 650 * 10_000 - 10_000


# --- beside torch -----------------------------------------------------------------------------------------------------


@pytest.fixture
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def close(a, b):
    return torch.allclose(a, b, rtol=0, atol=1e-12)


def with_random_weights(model):
    """Biases and norms that are not zero and one."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn_like(weight) * 0.2)
    return model


def words(*lengths, longest, vocabulary):
    """Sentences of some lengths, then padding, which is 0."""
    found = torch.randint(1, vocabulary, (len(lengths), longest))
    for row, length in zip(found, lengths, strict=True):
        row[length:] = 0
    return found


SMALL = {"depth": 2, "width": 16, "heads": 4, "mlp": 24, "vocabulary": 11, "length": 7}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("training", [False, True])
def test_transformer_is_that_of_torch(training):
    """Its weights are nn.Transformer's by name; that has a norm behind each stack besides, which is taken out."""
    torch.manual_seed(0)
    ours = with_random_weights(archdsl.load("transformer", p=0, **SMALL).to_torch(dtype=torch.float64))
    theirs = nn.Transformer(16, 4, 2, 2, 24, dropout=0, batch_first=True)
    theirs.encoder.norm = theirs.decoder.norm = None
    embedding = ours.words.weight
    theirs.load_state_dict({key: value for key, value in ours.state_dict().items() if key != "words.weight"})
    ours.train(training)
    theirs.train(training)

    src, tgt = words(7, 4, longest=7, vocabulary=11), words(7, 5, longest=7, vocabulary=11)
    positions = torch.arange(7)[:, None] / 10_000 ** (torch.arange(0, 16, 2) / 16)
    encoding = torch.stack([positions.sin(), positions.cos()], dim=2).flatten(1)
    padding = src == 0
    y = theirs(
        embedding[src] * 4 + encoding,
        embedding[tgt] * 4 + encoding,
        tgt_mask=torch.ones(7, 7).triu(1).bool(),
        src_key_padding_mask=padding,
        memory_key_padding_mask=padding,
    )
    assert close(ours(src, tgt), y @ embedding.T)


def sees_no_later_word(model, *before, length=7, vocabulary=11):
    """Whether what is said of the first words stays the same when the last ones change."""
    one = torch.randint(1, vocabulary, (2, length))
    other = one.clone()
    other[:, 4:] = one[:, 4:] % (vocabulary - 1) + 1
    first, second = model(*before, one), model(*before, other)
    return close(first[:, :4], second[:, :4]) and not close(first[:, 4:], second[:, 4:])


SEES_NO_LATER_WORD = {
    "lstm_lm": {"vocabulary": 11, "width": 8, "length": 7},
    "gpt2": {"vocabulary": 11, "width": 16, "heads": 4, "depth": 2, "length": 7},
    "transformer": SMALL,
    "seq2seq": {"source": 11, "target": 11, "width": 8, "length": 7},
    "seq2seq_attention": {"vocabulary": 11, "width": 8, "length": 7},
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", SEES_NO_LATER_WORD)
def test_no_word_is_foreseen(name):
    net = archdsl.load(name, **SEES_NO_LATER_WORD[name])
    model = with_random_weights(net.to_torch(dtype=torch.float64)).eval()
    source = [words(7, 4, longest=7, vocabulary=11)] * (len(net.inputs) - 1)
    assert sees_no_later_word(model, *source)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["transformer", "seq2seq_attention", "bert"])
def test_padding_is_not_attended_to(name):
    """A vector of the padding that is changed changes nothing that is said of the other words."""
    settings = {**SMALL} if name != "seq2seq_attention" else SEES_NO_LATER_WORD[name]
    model = with_random_weights(archdsl.load(name, **settings).to_torch(dtype=torch.float64)).eval()
    source, other = words(7, 4, longest=7, vocabulary=11), words(7, 7, longest=7, vocabulary=11)
    table = {"transformer": "words.weight", "seq2seq_attention": "embed_src.weight"}
    weight = model.get_parameter(table.get(name, "embeddings.word_embeddings.weight"))

    def said():
        if name == "bert":
            return model(source, torch.zeros_like(source))[0][1, :4]
        # the scores of padding itself, and the states of an LSTM that has read it, are left out
        if name == "transformer":
            return model(source, other)[1, :, 1:]
        states, _ = model.encoder(model.embed_src(source))
        return model.attention(states, states, mask=source == 0)[1, :4]

    before = said()
    with torch.no_grad():
        weight[0] += torch.randn_like(weight[0])
    assert close(said(), before)


@pytest.mark.usefixtures("float64")
def test_luong_attention_is_that_of_its_equations():
    """Equations 5 to 8 of arXiv:1508.04025 with the score `dot`, on a source without padding."""
    torch.manual_seed(0)
    net = archdsl.load("seq2seq_attention", **SEES_NO_LATER_WORD["seq2seq_attention"])
    model = with_random_weights(net.to_torch(dtype=torch.float64)).eval()
    src, tgt = (torch.randint(1, 11, (2, 7)) for _ in range(2))
    states, last = model.encoder(model.embed_src(src))
    h, _ = model.decoder(model.embed_tgt(tgt), last)
    a = torch.softmax(h @ states.transpose(1, 2), dim=-1)
    c = a @ states
    y = torch.tanh(torch.cat([c, h], dim=-1) @ model.combine.weight.T) @ model.fc.weight.T
    assert close(model(src, tgt), y)


def test_weights_have_the_names_of_others():
    """Some of each kind, as PyTorch and Hugging Face's transformers have them."""
    for name, keys in {
        "lstm_lm": ("encoder.weight", "rnn.weight_ih_l0", "rnn.bias_hh_l1", "decoder.bias"),
        "gpt2": ("wte.weight", "wpe.weight", "h.11.attn.c_attn.weight", "h.0.attn.c_proj.bias", "h.0.mlp.c_fc.weight"),
        "bert": (
            "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm.weight", "pooler.dense.weight",
            "encoder.layer.11.attention.self.query.weight", "encoder.layer.0.attention.output.LayerNorm.bias",
            "encoder.layer.0.intermediate.dense.weight", "encoder.layer.0.output.dense.weight",
        ),
        "mlp_mixer": ("stem.proj.weight", "blocks.11.mlp_tokens.fc1.weight", "blocks.0.norm2.bias", "norm.weight"),
    }.items():  # fmt: skip
        assert {*keys} <= {*archdsl.load(name).to_torch(device="meta").state_dict()}

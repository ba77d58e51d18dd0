"""The counting language model: probabilities that add up, and an independent calculation with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from basestone.measures.kneser_ney import KneserNey

TEXT = b"the cat sat on the mat. the dog sat on the log. the cat and the dog sat on the mat and the log."


def by_dictionaries(train: bytes, order: int):
    """p(byte | context), after Chen & Goodman 1998, equation 25, straight from the definition."""
    counts = {order: Counter(train[i : i + order] for i in range(len(train) - order + 1))}
    for size in range(order - 1, 0, -1):
        counts[size] = Counter(gram[1:] for gram in counts[size + 1])
    discounts = {}
    for size, table in counts.items():
        ones, twos = (sum(count == n for count in table.values()) for n in (1, 2))
        discounts[size] = ones / (ones + 2 * twos) if ones else 0.5
    totals, follow = defaultdict(int), defaultdict(int)
    for size, table in counts.items():
        for gram, count in table.items():
            totals[size, gram[:-1]] += count
            follow[size, gram[:-1]] += 1

    def probability(context: bytes, byte: int) -> float:
        p = 1 / 256
        for size in range(1, min(order, len(context) + 1) + 1):
            before = context[len(context) - size + 1 :]
            if (size, before) in totals:
                count, discount = counts[size][before + bytes([byte])], discounts[size]
                left = discount * follow[size, before]
                p = (max(count - discount, 0) + left * p) / totals[size, before]
        return p

    return probability


@pytest.mark.parametrize("order", [2, 3, 5])
def test_every_byte_has_the_probability_of_the_definition(order):
    model, probability = KneserNey(TEXT, order), by_dictionaries(TEXT, order)
    text = b"the rat sat on a xylophone"
    found = model.nats(text, TEXT)
    context = TEXT[-(order - 1) :]
    for place, byte in enumerate(text):
        before = (context + text[:place])[-(order - 1) :]
        assert np.exp(-found[place]) == pytest.approx(probability(before, byte), rel=1e-9)


@pytest.mark.parametrize("context", [b"the ", b"at", b"zzzz", b""])
def test_the_probabilities_of_all_bytes_add_up_to_one(context):
    model = KneserNey(TEXT)
    total = sum(np.exp(-model.nats(bytes([byte]), context)[0]) for byte in range(256))
    assert total == pytest.approx(1.0)


def test_known_text_is_cheap_and_noise_is_not():
    model = KneserNey(TEXT * 20)
    noise = bytes(np.random.default_rng(0).integers(256, size=500).tolist())
    assert model.nats(TEXT).mean() < 0.7
    assert model.nats(noise).mean() > np.log(256)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match="order must be 2 to 8 and shorter than the text; got 9"):
        KneserNey(TEXT, 9)
    with pytest.raises(ValueError, match="got 5, 3 bytes"):
        KneserNey(b"abc")

"""Tokenizers: trained here on the training split, or taken as they are. Everything behind them is Hugging Face's.

Every tokenizer has the five roles of ``SPECIAL``, so that any of them serves any model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from annotated_types import Interval

from basestone.core.artifact import file_digest
from basestone.core.errors import DataError, UsageError
from basestone.core.registry import Registry, Section

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VocabSize = Annotated[int, Interval(ge=300, le=500_000)]

SPECIAL = {  # role → the names that it goes by
    "pad": ("[PAD]", "<pad>"),
    "unknown": ("[UNK]", "<unk>", "<|endoftext|>"),
    "start": ("[CLS]", "<s>", "<|endoftext|>"),
    "end": ("[SEP]", "</s>", "<|endoftext|>"),
    "mask": ("[MASK]", "<mask>"),
}
_OURS = [names[0] for names in SPECIAL.values()]


class TokenizerMaker(Protocol):
    """Makes a tokenizer from the training split's documents; ``texts`` may be left unread."""

    def __call__(self, texts: Iterator[list[str]]) -> Tokenizer:
        """``texts``: documents, some at a time."""
        ...


def byte_bpe(*, vocab_size: VocabSize = 8_000, min_frequency: Annotated[int, Interval(ge=1)] = 2) -> TokenizerMaker:
    """Byte-level byte-pair encoding, as GPT-2's: any text of any language, without an unknown token.

    ``vocab_size`` is what training aims at and at least 261: 256 bytes and five special tokens; a small corpus may
    not hold as many pairs that occur ``min_frequency`` times.
    """

    def make(texts: Iterator[list[str]]) -> Tokenizer:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore
        tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            special_tokens=_OURS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer

    return make


def wordpiece(
    *, vocab_size: VocabSize = 8_000, lowercase: bool = True, min_frequency: Annotated[int, Interval(ge=1)] = 2
) -> TokenizerMaker:
    """WordPiece, as BERT's: words cut at white space and punctuation, every Chinese character a word of its own.

    ``lowercase`` also strips accents. Characters that training never saw become unknown.
    """

    def make(texts: Iterator[list[str]]) -> Tokenizer:
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # pyright: ignore
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)  # pyright: ignore
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # pyright: ignore
        tokenizer.decoder = decoders.WordPiece()  # pyright: ignore
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=_OURS, show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer

    return make


def characters(*, min_frequency: Annotated[int, Interval(ge=1)] = 1) -> TokenizerMaker:
    """Every character a token; those that training saw fewer than ``min_frequency`` times are unknown."""

    def make(texts: Iterator[list[str]]) -> Tokenizer:
        from collections import Counter

        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        counts = Counter(character for chunk in texts for document in chunk for character in document)
        kept = sorted(character for character, count in counts.items() if count >= min_frequency)
        vocabulary = {token: number for number, token in enumerate([*_OURS, *kept])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")  # pyright: ignore
        tokenizer.decoder = decoders.Fuse()  # pyright: ignore
        tokenizer.add_special_tokens(_OURS)
        return tokenizer

    return make


def pretrained(*, path: str, revision: str | None = None) -> TokenizerMaker:
    """The ``tokenizer.json`` of a local folder, or of a model of the Hugging Face hub (uses the network)."""

    def make(texts: Iterator[list[str]]) -> Tokenizer:
        from tokenizers import Tokenizer

        file = Path(path) / "tokenizer.json"
        if file.is_file():
            return Tokenizer.from_file(str(file))
        return Tokenizer.from_pretrained(path, revision=revision or "main")

    return make


def shared() -> TokenizerMaker:
    """For a stage's own data: the tokenizer of the recipe's data, which the stage's parent has learned to read."""
    raise UsageError("The tokenizer 'shared' is for data of a stage's own; the recipe's data have to choose one.")


TOKENIZERS: Registry[TokenizerMaker] = Registry(
    "tokenizer",
    {
        "byte_bpe": byte_bpe,
        "wordpiece": wordpiece,
        "characters": characters,
        "pretrained": pretrained,
        "shared": shared,
    },
)


def tokenizer_identity(section: Section) -> dict[str, Any]:
    """What the tokens depend on, as JSON: of a local file its content, never its path."""
    told = section.model_dump(mode="json")
    file = Path(told.get("path", "")) / "tokenizer.json"
    return {"kind": section.kind, "sha256": file_digest(file)} if "path" in told and file.is_file() else told


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What a model must know of its tokenizer: how many tokens, and the numbers of the special ones."""

    size: int
    pad: int
    start: int
    end: int
    mask: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        """DataError when a role has no token; one for padding or for hidden words is added where there is none."""
        found: dict[str, int] = {}
        for role, names in SPECIAL.items():
            numbers = [number for name in names if (number := tokenizer.token_to_id(name)) is not None]
            if not numbers and role in ("pad", "mask"):
                tokenizer.add_special_tokens([names[0]])
                numbers = [tokenizer.get_vocab_size() - 1]
            if not numbers and role != "unknown":
                raise DataError(
                    f"The tokenizer must have a token for '{role}' ({', '.join(names)}) and has none. "
                    "Choose another one, or train one: data.tokenizer: {kind: byte_bpe}."
                )
            found[role] = numbers[0] if numbers else -1
        return cls(
            size=tokenizer.get_vocab_size(),
            pad=found["pad"],
            start=found["start"],
            end=found["end"],
            mask=found["mask"],
        )


def continues_word(tokenizer: Tokenizer) -> list[bool]:
    """For each token, whether it goes on with the word of the token before it.

    In WordPiece ``##`` says so. Byte-level tokens begin a word with a space, so that letters and digits without one
    go on; so do letters' further bytes, each of which stands as one letter of that alphabet.
    """
    tokens = [tokenizer.id_to_token(number) or "" for number in range(tokenizer.get_vocab_size())]
    if any(token.startswith("##") for token in tokens):
        return [token.startswith("##") for token in tokens]
    special = {name for names in SPECIAL.values() for name in names}
    return [token not in special and token[:1].isalnum() and token[:1] not in "ĠĊĉ" for token in tokens]


def describe_tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    """What the data's card says of it."""
    import json

    told = json.loads(tokenizer.to_str())
    return {"model": told["model"]["type"], "vocab_size": tokenizer.get_vocab_size()}

"""What a person hands over is read as the data set's own samples are."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from basestone.core.errors import DataError
from basestone.core.spec import ImageSpec, SpeechSpec, TextSpec
from basestone.data.single import one_document, one_image, one_prompt, one_recording


def image_spec(side: int, channels: int = 3, **more) -> ImageSpec:
    zeros = (0.0,) * channels
    shape = {"channels": channels, "height": side, "width": side} | more
    return ImageSpec(class_names=("a", "b"), mean=zeros, std=zeros, **shape)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_pixels_of_the_right_size_stay_as_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert (one_image(png(pixels), image_spec(8))[0].numpy() == pixels.transpose(2, 0, 1)).all()


def test_a_class_is_asked_of_the_centre_and_boxes_of_the_whole() -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 200  # the centre square
    assert one_image(png(pixels), image_spec(10)).unique().tolist() == [200]
    whole = one_image(png(pixels), image_spec(30, head="boxes"))
    assert whole.shape == (1, 3, 30, 30)
    assert set(whole[0, 0, :, 15].tolist()) == {114, 200}  # grey above and below (letterbox.GREY)


def test_a_grey_model_sees_colours_as_grey() -> None:
    pixels = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    assert one_image(png(pixels), image_spec(8, 1)).unique().tolist() == [76]  # 0.299 · 255, ITU-R 601


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(DataError, match="What you handed over must be an image"):
        one_image(b"GIF89a", image_spec(8))


def test_a_recording_comes_at_the_models_rate_and_length() -> None:
    spec = SpeechSpec(sample_rate=8_000, max_samples=4_000, class_names=("a", "b"))
    file = io.BytesIO()
    time = np.arange(32_000) / 16_000
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * 440 * time), 16_000, format="WAV", subtype="PCM_16")
    wave = one_recording(file.getvalue(), spec)
    assert wave.shape == (1, 4_000)
    spectrum = np.abs(np.fft.rfft(wave[0].numpy()))
    assert spectrum.argmax() * 8_000 / 4_000 == 440 and wave.abs().max() == pytest.approx(0.5, abs=0.02)


def test_silence_is_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(100), 8_000, format="WAV")
    with pytest.raises(DataError, match="is silent"):
        one_recording(file.getvalue(), SpeechSpec(sample_rate=8_000, max_samples=100, class_names=("a",)))


@pytest.fixture
def tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    made = Tokenizer(
        WordLevel({"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[MASK]": 3, "up": 4, "down": 5}, unk_token="[PAD]")
    )
    made.pre_tokenizer = Whitespace()
    return made


TEXT = TextSpec(vocab_size=6, max_length=8, pad=0, start=1, end=2, mask=3, class_names=("a", "b"))


def test_a_text_is_framed_and_cut_as_documents_are(tokenizer) -> None:
    assert one_document("up down", tokenizer, TEXT).tolist() == [[1, 4, 5, 2, 0, 0, 0, 0]]
    assert one_document("up " * 20, tokenizer, TEXT).tolist() == [[1, *[4] * 6, 2]]


def test_a_prompt_is_not_framed(tokenizer) -> None:
    assert one_prompt("down up", tokenizer) == [5, 4]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_is_no_text(tokenizer, text: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        one_document(text, tokenizer, TEXT)
    with pytest.raises(DataError, match="is empty"):
        one_prompt(text, tokenizer)

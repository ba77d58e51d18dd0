"""Data sets to build models for, and the shortest way from a recipe's words to a module."""

from basestone.core.spec import ImageSpec
from basestone.models.catalogue import INITS, MODELS


def spec(channels=3, side=32, num_classes=7):
    return ImageSpec(
        channels=channels,
        height=side,
        width=side,
        class_names=tuple(map(str, range(num_classes))),
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )


def section(kind, **options):
    return MODELS.options(kind)(kind=kind, **options)


def build(kind, images=None, **options):
    return MODELS.build(section(kind, **options), images or spec())


def initialise(scheme, module, seed=0, **options):
    INITS.build(INITS.options(scheme)(kind=scheme, **options), module, seed)
    return module

"""How far quality survives a change of the input. Here: the common corruptions, and how much accuracy they leave.

``FAMILIES`` names the fifteen of images in their four families, ``BOX_FAMILIES`` the fourteen of photographs with
boxes, ``TEXT_FAMILIES`` the eleven of text, ``SPEECH_FAMILIES`` the twelve of recordings, without torch, for tables and
reports; images are changed in ``corruptions`` (with one module a family), documents in ``typing``, recordings in
``sound``, and all are judged in ``retention``, boxes in ``finding``. Attacks and domain shift will live beside them.
"""

FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
TEXT_FAMILIES: dict[str, tuple[str, ...]] = {
    "typing": ("swapped_letters", "dropped_letters", "doubled_letters", "near_keys"),
    "case": ("upper_case", "lower_case", "swapped_case"),
    "words": ("dropped_words", "repeated_words"),
    "spacing": ("joined_words", "split_words"),
}
BOX_FAMILIES: dict[str, tuple[str, ...]] = FAMILIES | {  # without what moves objects off their boxes
    "digital": tuple(name for name in FAMILIES["digital"] if name != "elastic_transform")
}
BOX_TYPES = tuple(name for names in BOX_FAMILIES.values() for name in names)
SPEECH_FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("white_noise", "pink_noise", "speech_shaped_noise", "mains_hum"),
    "channel": ("low_pass", "reverberation", "coarse_samples"),
    "level": ("quiet", "clipping"),
    "time": ("faster", "slower", "lost_packets"),
}
SEVERITIES = (1, 2, 3, 4, 5)

"""Overlaps and answers of a detector, by hand and against torchvision."""

from __future__ import annotations

import pytest
import torch
from torchvision.ops import box_iou

from basestone.models.own.boxes import MAX_ANSWERS, answers, overlaps, packed, paired_overlaps


def some_boxes(count: int, seed: int) -> torch.Tensor:
    corner, size = torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed)) * 50
    return torch.cat([corner, corner + size + 1], 1)


def test_overlap_by_hand():
    # (0,0)–(4,4) and (2,1)–(6,3): they share 2 × 2 = 4 and cover 16 + 8 − 4 = 20
    one, two = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[2.0, 1, 6, 3], [4, 4, 5, 5]])
    torch.testing.assert_close(overlaps(one, two), torch.tensor([[0.2, 0.0]]))
    torch.testing.assert_close(paired_overlaps(one, two[:1]), torch.tensor([0.2]))


def test_overlaps_agree_with_torchvision_batch_by_batch():
    a, b = some_boxes(12, 0).view(2, 6, 4), some_boxes(10, 1).view(2, 5, 4)
    expected = torch.stack([box_iou(x, y) for x, y in zip(a, b, strict=True)])
    torch.testing.assert_close(overlaps(a, b), expected)
    torch.testing.assert_close(paired_overlaps(a[0, :5], b[0]), box_iou(a[0, :5], b[0]).diagonal())


def test_of_two_answers_to_one_object_the_surer_stays_and_another_class_too():
    corners = torch.tensor([[[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]]])
    scores = torch.tensor([[[0.5, 0.0], [0.8, 0.3], [0.05, 0.0]]])
    found = answers(corners, scores, least_score=0.1, overlap=0.5)[0]
    assert found.shape == (MAX_ANSWERS, 6)
    torch.testing.assert_close(found[:2], torch.tensor([[1.0, 0, 11, 10, 0.8, 0], [1, 0, 11, 10, 0.3, 1]]))
    assert found[2:, 5].eq(-1).all() and found[2:, :5].eq(0).all()


def test_a_photograph_answers_the_same_alone_as_among_others():
    generator = torch.Generator().manual_seed(3)
    corners = some_boxes(120, 5).view(3, 40, 4)
    scores = torch.rand(3, 40, 4, generator=generator)
    together = answers(corners, scores, least_score=0.2, overlap=0.6)
    alone = torch.cat([answers(corners[n : n + 1], scores[n : n + 1], least_score=0.2, overlap=0.6) for n in range(3)])
    torch.testing.assert_close(together, alone)
    assert (together[:, :-1, 4] >= together[:, 1:, 4]).all()


def test_more_answers_than_count_are_cut_to_the_surest():
    score = torch.linspace(0.1, 0.9, MAX_ANSWERS + 20)
    found = packed(some_boxes(len(score), 0), score, torch.zeros(len(score)), torch.ones(len(score)).long(), 2)
    assert found[0, :, 5].eq(-1).all()
    torch.testing.assert_close(found[1, :, 4], score.flip(0)[:MAX_ANSWERS])


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_found_is_an_answer_too(count):
    found = answers(some_boxes(count, 0)[None], torch.zeros(1, count, 2), least_score=0.1, overlap=0.5)
    assert found[..., 5].eq(-1).all() and found.shape == (1, MAX_ANSWERS, 6)

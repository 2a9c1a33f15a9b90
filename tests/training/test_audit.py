"""What a model gives back: a model that learnt by heart is caught, one that learnt nothing is not."""

import numpy as np
import pytest

from partages.training.audit import auc, canaries

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    found = auc(np.array([3.0, 1.0, 2.0]), np.array([0.0, 2.0]), 0)
    assert found["auc"] == pytest.approx((2 + 1 + 1.5) / 6)
    assert found["low"] <= found["auc"] <= found["high"]


def test_canaries_are_all_different_and_the_same_each_time() -> None:
    found = canaries(3)
    assert found == canaries(3) != canaries(4)
    assert (
        len({canary.lead for canary in found}) == len({canary.number for canary in found}) == len(found) == 12
    )

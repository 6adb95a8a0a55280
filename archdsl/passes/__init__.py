"""Passes: checks of a network, and what makes one network of another and says where every tensor comes from."""

from typing import TYPE_CHECKING

from archdsl.base.later import Later

if TYPE_CHECKING:
    from archdsl.passes import faults as faults
else:
    # made when a check finds something
    faults = Later("archdsl.passes.faults")

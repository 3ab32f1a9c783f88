"""What one request wears beyond its checkpoint. Data only."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generators.diffusion.adapters.control import Control
    from generators.diffusion.adapters.lora import Worn
    from generators.diffusion.adapters.reference import Reference


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Attached:
    """Adapters, references and control of one request."""

    loras: "tuple[Worn, ...]" = ()
    reference: "Reference | None" = None
    control: "Control | None" = None


NOTHING = Attached()

"""What callers send about how a subject is held."""

import dataclasses

from generators.spec import ConditioningKind
from resolvers.fields import given
from resolvers.ids import AdapterId, VariantId


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditioningInput:
    """One way to hold the subject. Several add up; what a model cannot do is refused."""

    kind: ConditioningKind | None = given(
        "By what; PROMPT = by words alone, which a locked look never is. The strongest that the model offers when "
        "absent.",
        default=None,
    )
    weight: float | None = given(
        "How strongly, 0 to 2, 1 = as trained; of INIT_IMAGE how much is kept, 0 to 1. Usual when absent.",
        default=None,
    )
    variant_id: VariantId | None = given(
        "Hold by this picture of the subject instead of the approved base image.", default=None
    )
    adapter_id: AdapterId | None = given(
        "Wear this adapter of yours: another one of the subject's, or somebody else's who is in the picture too.",
        default=None,
    )

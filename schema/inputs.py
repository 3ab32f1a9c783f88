"""The inputs of the contract: the resolvers' own dataclasses, published as they are."""

from resolvers import inputs
from schema import enums
from schema.publish import publish_input

for _input in (
    inputs.SubjectOrder,
    inputs.PersonaFilter,
    inputs.VariantFilter,
    inputs.JobFilter,
    inputs.CreatePersonaInput,
    inputs.UpdatePersonaInput,
    inputs.DeleteSubjectInput,
    inputs.UploadBaseImageInput,
    inputs.GenerateBaseImageInput,
    inputs.ApproveBaseImageInput,
    inputs.RejectBaseImageInput,
    inputs.UnlockAppearanceInput,
    inputs.CancelJobInput,
    inputs.RetryJobInput,
):
    publish_input(_input)

__all__ = ["enums"]

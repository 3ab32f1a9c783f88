"""The inputs of the contract: the resolvers' own dataclasses, published as they are."""

from resolvers import decisions_inputs, images_inputs, inputs, people_inputs, texts_inputs, webhook_inputs
from schema.publish import publish_input

INPUTS = tuple(
    publish_input(each)
    for each in (
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
        people_inputs.CreateApiKeyInput,
        people_inputs.RevokeApiKeyInput,
        people_inputs.CreateUserInput,
        people_inputs.UpdateUserInput,
        webhook_inputs.CreateWebhookInput,
        webhook_inputs.DeleteWebhookInput,
        webhook_inputs.ResendWebhookDeliveryInput,
        decisions_inputs.RateVariantInput,
        decisions_inputs.FavoriteVariantInput,
        decisions_inputs.KeepVariantInput,
        decisions_inputs.ApproveVariantInput,
        decisions_inputs.RejectVariantInput,
        images_inputs.ConditioningInput,
        inputs.AutoApproveInput,
        images_inputs.GenerateImagesInput,
        images_inputs.GenerateBaseImagesInput,
        images_inputs.SavePresetInput,
        images_inputs.DeletePresetInput,
        texts_inputs.SuggestPromptsInput,
        texts_inputs.AnalyzeReferencesInput,
    )
)

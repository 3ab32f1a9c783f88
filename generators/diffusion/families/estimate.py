"""What the finished latents will be, judged from one step: for previews only, never fed back."""

from typing import Any

import torch


def estimated(
    scheduler: Any, output: Any, prediction: torch.Tensor, before: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """The x0 estimate; `before` = (latents, timestep) that the prediction was made for.

    Takes the scheduler's own estimate where it makes one, else computes it:
    x0 = (x - sqrt(1-a) eps) / sqrt(a), a = alphas_cumprod[t] (Ho et al. 2020, arXiv 2006.11239, eq. 15);
    x0 = x - sigma eps for schedulers that iterate in Karras' scale (arXiv 2206.00364, table 1).
    """
    for name in ("pred_original_sample", "denoised"):
        own = getattr(output, name, None)
        if own is not None:
            return _copy(own)
    latents, timestep = before
    if _keeps_x0(scheduler):
        return _copy(scheduler.model_outputs[-1])
    if not hasattr(scheduler, "alphas_cumprod"):
        return _flow(scheduler, prediction, latents)
    alpha: torch.Tensor = scheduler.alphas_cumprod[int(timestep)].to(latents.device, torch.float32)
    karras = float(scheduler.init_noise_sigma) > 1.01  # noqa: PLR2004 - 1 means the variance-preserving scale
    kind = scheduler.config.get("prediction_type", "epsilon")
    x = latents.float() * (alpha.sqrt() if karras else 1.0)
    if kind == "v_prediction":
        return alpha.sqrt() * x - (1 - alpha).sqrt() * prediction.float()
    if kind == "sample":
        return _copy(prediction)
    return (x - (1 - alpha).sqrt() * prediction.float()) / alpha.sqrt()


def _flow(scheduler: Any, velocity: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """x0 = x - sigma v (Lipman et al. 2023, arXiv 2210.02747); the scheduler has already advanced by one."""
    index = getattr(scheduler, "step_index", None)
    if not index:
        return _copy(latents)
    sigma: torch.Tensor = scheduler.sigmas[index - 1].to(latents.device, torch.float32)
    return latents.float() - sigma * velocity.float()


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()


def _keeps_x0(scheduler: Any) -> bool:
    if not getattr(scheduler, "model_outputs", None) or scheduler.model_outputs[-1] is None:
        return False
    return bool(
        str(scheduler.config.get("algorithm_type", "")).endswith("++") or scheduler.config.get("predict_x0")
    )

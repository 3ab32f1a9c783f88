"""What is added on top of a checkpoint for one request: LoRA, IP-Adapter, ControlNet. Knows no queue."""

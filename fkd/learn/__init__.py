"""Networks: architectures, training, checkpoints and predictions for frames."""

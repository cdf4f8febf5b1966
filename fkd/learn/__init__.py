"""Networks: what they are, their training, their weights, their answers for frames."""

"""The colour of each detector, the same wherever it is drawn: on photos, in plots, on cards."""

from collections.abc import Sequence

RED, GREEN, BLUE = "#ff3b3b", "#21d07a", "#4db5ff"
# Told apart by lightness too: red and green alone are one colour to many.
PALETTE = (RED, GREEN, BLUE, "#ffc928", "#a855f7", "#06b6d4", "#ec4899", "#84cc16")
NETWORKS = {"fcnn": RED, "resnet50": BLUE, "mobilenetv4_conv_small": PALETTE[4]}  # all other networks: GREEN


def network_colour(network: str) -> str:
    """The colour of a network of `fkd.learn.models`, or of several joined by " + "."""
    return NETWORKS.get(network, GREEN)


def distinct(colours: Sequence[str]) -> list[str]:
    """Colours for several detectors shown together: their own, but where an earlier one has it the next one free."""
    chosen: list[str] = []
    for number, colour in enumerate(colours):
        # Colours of later detectors stay free as long as there are others.
        wanted = [colour, *(other for other in PALETTE if other not in colours), *PALETTE]
        free = [other for other in wanted if other not in chosen]
        chosen.append(free[0] if free else PALETTE[number % len(PALETTE)])
    return chosen

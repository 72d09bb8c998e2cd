"""Texts that are nearly Fluentd configurations, for readers that must take any text."""

import random


def mutated(rng: random.Random, texts: list[str]) -> str:
    """Return one of the texts after a few random changes, or noise; at most 20,000 characters."""
    alphabet = "<>/\"'#{}[]\\ \n\r\t@ab1,:()%$`?=~*.|"
    text = rng.choice(texts)
    for _ in range(rng.randrange(1, 8)):
        place = rng.randrange(len(text) + 1)
        match rng.randrange(5):
            case 0:
                text = text[:place] + rng.choice(alphabet) * rng.choice([1, 1, 1, 2, 50]) + text[place:]
            case 1:
                text = text[:place] + text[place + rng.randrange(5) :]
            case 2:
                other = rng.choice(texts)
                start = rng.randrange(len(other) + 1)
                text = text[:place] + other[start : start + 30] + text[place:]
            case 3:
                text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(200)))
            case _:
                text = text[:place] + text[place:] * 2
        text = text[:20_000]
    return text

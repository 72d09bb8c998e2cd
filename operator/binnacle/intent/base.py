"""The mark of an intent: something that compilers say and targets spell."""


class Intent:
    """Base of every intent. Intents are frozen, slotted dataclasses without behaviour; a target picks those it can spell."""

    __slots__ = ()

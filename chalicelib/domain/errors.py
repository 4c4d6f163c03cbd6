"""What may go wrong outside: few kinds of error, each telling the caller what to do."""


class ExternalError(Exception):
    """An outside thing did not do what was asked. The text is fit for a person to read."""


class Unavailable(ExternalError):
    """It did not answer, or asked us to come back. Nothing is known to have happened: try later.

    `crowded`: because there are too many who ask.
    """

    def __init__(self, text: str, *, crowded: bool = False) -> None:
        super().__init__(text)
        self.crowded = crowded


class Lost(Unavailable):
    """What was begun there came to nothing, or is not known any more: begin it anew."""


class Partly(Unavailable):
    """A mail has reached the first so many of its recipients; the others are to have it later."""

    def __init__(self, text: str, reached: int) -> None:
        super().__init__(text)
        self.reached = reached


class Unknown(ExternalError):
    """The call's outcome is not known: it may have been accepted. Conclude nothing from it."""


class Refused(ExternalError):
    """It was refused and did not happen; `lasting` says whether asking again is pointless.

    `crowded`: because there are too many who ask.
    """

    def __init__(self, text: str, *, lasting: bool = False, crowded: bool = False) -> None:
        super().__init__(text)
        self.lasting, self.crowded = lasting, crowded


class Rejected(ExternalError):
    """AWS refused, and says why by a name. `repeated`: an earlier try may have been heard."""

    def __init__(self, code: str, *, repeated: bool = False) -> None:
        super().__init__(f"AWS says {code}")
        self.code, self.repeated = code, repeated


class Gone(ExternalError):
    """What was to be deleted is not there."""


class Unreadable(ExternalError):
    """A row is not of our making, or was changed by hand into one that says nothing. Show it."""


class Unwritable(ExternalError):
    """The row cannot be written as it would have to be, now or later. People have to be told."""


class Stale(ExternalError):
    """The row was written by another since it was read. Drop everything and look again."""


class LockTaken(ExternalError):
    """Another session holds the lock. Look again at who it is."""

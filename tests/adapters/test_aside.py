"""What is done beside a call that hangs."""

from datetime import timedelta
from threading import Event

import pytest

from chalicelib.adapters.aside import aside


def test_it_is_done_while_the_call_hangs() -> None:
    done = Event()
    with aside(timedelta(milliseconds=1), done.set):
        assert done.wait(60)


def test_it_is_not_done_where_the_call_is_through() -> None:
    done = Event()
    with aside(timedelta(hours=1), done.set):
        pass
    with pytest.raises(ValueError, match="own"), aside(timedelta(hours=1), done.set):
        raise ValueError("the call's own")
    assert not done.is_set()

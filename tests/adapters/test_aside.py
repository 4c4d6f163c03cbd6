"""What is done beside a call that hangs."""

from datetime import timedelta
from threading import Event

import pytest

from chalicelib.adapters.aside import aside


def test_it_is_done_while_the_call_hangs() -> None:
    done = Event()
    with aside(timedelta(milliseconds=1), done.set):
        assert done.wait(60)


@pytest.mark.parametrize("error", [None, ValueError("the call's own")])
def test_it_is_not_done_where_the_call_is_through(error: Exception | None) -> None:
    done = Event()
    try:
        with aside(timedelta(hours=1), done.set):
            if error:
                raise error
    except ValueError as raised:
        assert raised is error
    assert not done.is_set()

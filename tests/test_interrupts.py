"""Ctrl-C comes through where it is let through."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from vae_gluon.training.interrupts import SIGNALS, deferred_interrupt, ending_by_signals


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_it_is_held_back_until_the_block_ends():
    reached = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        press()
        reached.append("after")
    assert reached == ["after"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # Python's own again


def test_a_second_one_comes_through_at_once():
    reached = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        press()
        press()
        reached.append("after")
    assert not reached


def test_an_error_of_the_block_is_not_hidden():
    with pytest.raises(ZeroDivisionError), deferred_interrupt():
        press()
        raise ZeroDivisionError


def test_a_handler_that_somebody_has_set_and_a_signal_that_is_ignored_stay_so():
    pressed = []
    handlers = {signal.SIGINT: lambda *args: pressed.append(True), signal.SIGHUP: signal.SIG_IGN}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with deferred_interrupt():
            press()
        with ending_by_signals(), deferred_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)  # which nohup has ignored
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert pressed == [True]


def test_another_thread_is_left_alone():
    def work():
        with deferred_interrupt() as check:
            check()
        return True

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result()


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_is_held_where_it_is_to_end_the_process_and_tells_its_number(number):
    # Which nohup, for one, has ignored.
    before, reached = signal.signal(number, signal.default_int_handler), []
    with ending_by_signals():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with deferred_interrupt() as check:
            os.kill(os.getpid(), number)
            reached.append("after")
            with pytest.raises(KeyboardInterrupt) as error:
                check()
    assert reached == ["after"]
    assert error.value.args == (number,)
    assert signal.signal(number, before) is signal.default_int_handler

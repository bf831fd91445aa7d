"""Ctrl-C comes through where it is let through."""

import os
import signal
import threading

import pytest

from vae_gluon.training.interrupts import HeldInterrupt


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_it_is_held_back_until_it_is_let_through():
    reached = []
    with HeldInterrupt() as held:
        press()
        reached.append("after")
        with pytest.raises(KeyboardInterrupt):
            held.check()
        held.check()  # it comes through once
    assert reached == ["after"]


def test_it_comes_through_at_the_end_of_the_block():
    reached = []
    with pytest.raises(KeyboardInterrupt), HeldInterrupt():
        press()
        reached.append("after")
    assert reached == ["after"]


def test_a_second_one_comes_through_at_once():
    reached = []
    with pytest.raises(KeyboardInterrupt), HeldInterrupt():
        press()
        press()
        reached.append("after")
    assert not reached


def test_an_error_of_the_block_is_not_hidden():
    with pytest.raises(ZeroDivisionError), HeldInterrupt():
        press()
        raise ZeroDivisionError


def test_afterwards_it_is_pythons_own_again():
    with HeldInterrupt():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_somebody_has_set_stays(monkeypatch):
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *args: pressed.append(True))
    try:
        with HeldInterrupt():
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [True]


def test_another_thread_is_left_alone():
    passed = []

    def work():
        with HeldInterrupt() as held:
            held.check()
            passed.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert passed == [True]

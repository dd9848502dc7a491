"""Lines with fields of their own, and the form of all lines (app/leads_api/telemetry/logs.py)."""

import io
import json
import logging

import pytest

from leads_api.telemetry import logs, traces
from leads_api.telemetry.traces import Trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_both_kinds_of_lines_have_the_same_form(log: io.StringIO) -> None:
    named, traced = logs.request_id.set("of-this-one"), traces.current.set(Trace(TRACE, 1))
    logging.getLogger("leads.test").warning("%s is full", "the disk")
    logs.logger("leads.test").warning("the disk is full")
    logs.request_id.reset(named)
    traces.current.reset(traced)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    for line in lines:
        assert line.pop("time").endswith("+00:00")
        assert line == {
            "level": "warning", "logger": "leads.test", "message": "the disk is full", "request_id": "of-this-one",
            "trace_id": TRACE,
        }  # fmt: skip
    assert len(lines) == 2


def test_fields_follow_in_their_order_and_those_that_are_not_known_are_left_out(log: io.StringIO) -> None:
    logs.logger("leads.test").info("done", first=1, second=None, third={"a": [1.5, "x"]})

    line = json.loads(log.getvalue())
    assert list(line) == ["time", "level", "logger", "message", "first", "third"]
    assert line["third"] == {"a": [1.5, "x"]}


def test_a_line_break_in_a_message_makes_no_line(log: io.StringIO) -> None:
    logging.getLogger("leads.test").warning("one\ntwo")
    logs.logger("leads.test").warning("one\ntwo", more="three\nfour")

    assert len(log.getvalue().splitlines()) == 2


@pytest.mark.parametrize("level", ["warning", "error"])
def test_what_is_below_the_level_is_not_written(log: io.StringIO, level: str) -> None:
    logs.configure(level)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(log)

    logs.logger("leads.test").info("said")
    logging.getLogger("leads.test").info("said")

    assert log.getvalue() == ""


class Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_log_that_nobody_reads_is_no_fault_of_a_request(log: io.StringIO) -> None:
    (handler,) = (each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler)
    handler.setStream(Broken())

    logs.logger("leads.test").info("said")

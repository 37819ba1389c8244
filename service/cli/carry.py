"""Carry a command's work out and say what stops it, always with a repair."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from fhir_mappings.problems import TABLE, Problem, Refused
from service.cli.output import Exit, Output
from service.content.signature import KeyUnusable
from service.settings import Settings, SettingsError, read_settings
from service.store.embedded import EmbeddedError, PostgresMissing
from service.store.migrate import SchemaError
from service.store.pool import RoleError
from service.store.refused import FAULTS

Done = TypeVar("Done")


class Unusable(Exception):
    """What was typed names nothing that can be used: what, and how to do better."""

    def __init__(self, fault: str, repair: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(fault)
        self.fault = fault
        self.repair = repair
        self.code = code


def settings_or_fail(output: Output) -> Settings:
    """Read the settings, or end the command with the variable that cannot be used."""
    try:
        return read_settings()
    except SettingsError as fault:
        output.fail(str(fault), "Correct that variable; `tpi doctor` lists all.", Exit.USAGE)


def carry_out(output: Output, work: Callable[[], Awaitable[Done]]) -> Done:
    """Run the work in an event loop; what it cannot do becomes a line, a repair, an exit code."""
    done: list[Done] = []

    async def run() -> None:
        # a runner, ending, writes its task's result out as text: 6 MB where that is a pack
        done.append(await work())

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
        return done[0]
    except Unusable as unusable:
        output.fail(unusable.fault, unusable.repair, unusable.code)
    except Refused as refused:
        repairs = dict.fromkeys(TABLE[one.code].repair for one in refused.problems)
        output.fail("\n".join(map(_told, refused.problems)), " ".join(repairs))
    except KeyUnusable as fault:
        output.fail(f"{fault}.", "Name a file of keys as `tpi pack key` makes them.", Exit.USAGE)
    except SchemaError as fault:
        output.fail(str(fault), "Run `tpi migrate status` to see where this database stands.")
    except (PostgresMissing, EmbeddedError, RoleError) as fault:
        output.fail(str(fault), "Run `tpi doctor` for what is missing.", Exit.UNKNOWN)
    except FAULTS as fault:
        output.fail(
            f"The database did not answer ({type(fault).__name__}).",
            "Check DATABASE_URL and that the server runs; `tpi doctor` says more.",
            Exit.UNKNOWN,
        )


def _told(problem: Problem) -> str:
    """Say a problem, its place, and what of a closed set it is about."""
    where = ": ".join(part for part in (problem.expression, problem.context) if part)
    return f"{TABLE[problem.code].sentence} {where}".rstrip()

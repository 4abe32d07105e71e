"""Running steps in order, a few at a time, each with its output kept together."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ..shell import SetupError, say
from .outcome import Outcome, closing_line, failure

# Lines of one step's report; all of it is in its log.
SHOWN = 120


@dataclass(frozen=True)
class Step:
    """A piece of work named `name`, done after the steps it `needs`."""

    name: str
    run: Callable[[], Outcome]
    needs: tuple[str, ...] = ()


def closure(steps: Sequence[Step], names: set[str]) -> list[Step]:
    """The named steps with all that they need, in the order of `steps`."""
    by_name = {step.name: step for step in steps}
    wanted: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending.extend(by_name[name].needs)
    return [step for step in steps if step.name in wanted]


def run_steps(
    steps: Sequence[Step],
    *,
    jobs: int = 2,
    on_abort: Callable[[], None] = lambda: None,
) -> dict[str, Outcome]:
    """Run all steps, `jobs` at a time, in the given order as far as needs allow.

    A step whose need came to nothing is not run and counts as one failure, so that
    nothing drops out of the sum. What a step raises is its failure. What it has to say
    is printed in one piece.

    :param on_abort: called when the wait is interrupted, to make running steps end.
    """
    outcomes: dict[str, Outcome] = {}
    waiting, running = list(steps), dict[Future[Outcome], Step]()
    with ThreadPoolExecutor(jobs, thread_name_prefix="step") as pool:
        try:
            while waiting or running:
                for step in _ready(waiting, outcomes)[: jobs - len(running)]:
                    waiting.remove(step)
                    running[pool.submit(_run, step, outcomes)] = step
                if not running:
                    names = [step.name for step in waiting]
                    raise ValueError(f"these steps need each other: {names}")
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    outcomes[running.pop(future).name] = future.result()
        except BaseException:
            on_abort()
            raise
    return outcomes


def _ready(waiting: Sequence[Step], outcomes: dict[str, Outcome]) -> list[Step]:
    return [step for step in waiting if all(need in outcomes for need in step.needs)]


def _run(step: Step, outcomes: dict[str, Outcome]) -> Outcome:
    broken = [need for need in step.needs if not outcomes[need].usable]
    started = time.monotonic()
    if broken:
        outcome = failure(f"not run, because {', '.join(broken)} failed")
    else:
        say(f"… {step.name}")
        try:
            outcome = step.run()
        except SetupError as exc:
            outcome = failure(str(exc))
        except Exception:  # noqa: BLE001 - the step failed; the sum must go on
            outcome = failure(traceback.format_exc())
    _report(step.name, outcome, time.monotonic() - started)
    return outcome


_reporting = threading.Lock()


def _report(name: str, outcome: Outcome, seconds: float) -> None:
    mark = "✗" if outcome.failed else "✓"
    nothing = not outcome.passed and not outcome.failed
    count = "done" if nothing else closing_line(outcome)
    lines = [f"{mark} {name}: {count} ({seconds:.0f} s)"]
    texts = "\n".join((*outcome.notes, *outcome.problems)).splitlines()
    lines += [f"    {line}" for line in texts[:SHOWN]]
    if len(texts) > SHOWN:
        lines.append(f"    … and {len(texts) - SHOWN} more lines")
    with _reporting:
        say("\n".join(lines))

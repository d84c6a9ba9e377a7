"""`almrr self-test`: one line per check; the exit code is 1 when something is wrong."""

from __future__ import annotations

from almrr_core.cli.console import GOOD, REFUSED, Outcome, printable, put
from almrr_core.cli.parser import BACKBONES, Options


def run(options: Options) -> Outcome:
    """Check this machine, and the bundle where one is given."""
    from almrr_core.evaluate.self_test import Check, State, check_bundle, check_machine
    from almrr_core.models.weights import weights_here

    checks: list[Check] = []

    def tell(check: Check) -> None:
        checks.append(check)
        put(f"{check.state:<8} {check.name}: {printable(check.text)}")

    for check in check_machine(options.device, {name: weights_here(name) for name in BACKBONES}):
        tell(check)
    if options.bundle is not None:
        tell(check_bundle(options.bundle, options.device, options.weights))
    wrong = [check.name for check in checks if check.state is State.WRONG]
    put(f"Wrong: {', '.join(wrong)}." if wrong else "Everything that is here works.")
    listed = [{"name": one.name, "state": str(one.state), "text": one.text} for one in checks]
    return Outcome({"good": not wrong, "checks": listed}, REFUSED if wrong else GOOD)

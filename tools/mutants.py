"""
Break each promise once, in a copy, and show that a test turns red.

A test suite that stays green over a broken promise is worth nothing, and nobody
notices. So each edit below takes one promise back; it must fit the source exactly, and
the tests named beside it must fail. One that survives makes the run fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("provider", "tests", "pyproject.toml")
AT_A_TIME = 2
TESTS_FAILED = 1
LIFECYCLE = "tests/functional/test_lifecycle.py"
REACTIONS = "tests/functional/test_reactions.py"
SHARED = "tests/functional/test_shared_calls.py"
CLIENT = "tests/functional/test_client_wire.py"
RESOURCE = "tests/functional/test_resource.py"
EACH = "tests/faults/test_each_fault.py"
MEET = "tests/faults/test_faults_that_meet.py"
OPEN = "tests/faults/test_open_questions.py"
HOSTILE = "tests/faults/test_hostile_input.py"
SECURITY = "tests/faults/test_security.py"


@dataclass(frozen=True)
class Mutant:
    """
    One promise taken back.

    Args:
        promise: what no longer holds.
        module: of the package.
        old: the source that keeps the promise, found there just once.
        new: what takes its place.
        tests: files of which one has to fail.
    """

    promise: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "priority left out of the quintuple",
        "rule.py",
        'entry["Priority"] = str(self.priority)',
        'entry["Priority"] = ""',
        (OPEN,),
    ),
    Mutant(
        "policy is no part of identity",
        "rule.py",
        '    policy: str = "accept"\n',
        '    policy: str = field(default="accept", compare=False)\n',
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a 200 of a revoke by attributes is believed",
        "rules/removal.py",
        "live = left.identical_to(rule)",
        "live = None",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "the masked form is taken for the rule in a delete",
        "rules/removal.py",
        "live = left.identical_to(rule)",
        "live = left.matching(rule)",
        (LIFECYCLE,),
    ),
    Mutant(
        '"gone" is not believed',
        "reactions.py",
        "RuleNotFoundError:         (_FAIL,   _FAIL,   _DONE, ",
        "RuleNotFoundError:         (_FAIL,   _FAIL,   _FAIL, ",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        '"not valid" is believed without a look',
        "reactions.py",
        "RuleIdNotValidError:       (_FAIL,   _FAIL,   _LOOK, ",
        "RuleIdNotValidError:       (_FAIL,   _FAIL,   _DONE, ",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "what is wrong with one rule of a call is said of all",
        "reactions.py",
        "_SPLIT,  _SPLIT,  _SPLIT,  _FAIL,     _SPLIT),",
        "_SPLIT,  _SPLIT,  _SPLIT,  _FAIL,     _SHARE),",
        (SHARED,),
    ),
    Mutant(
        "a policy that refuses one rule of a call is said to refuse all",
        "reactions.py",
        "_FAIL,     _SPLIT),\n    BatchEntryError: ",
        "_FAIL,     _SHARE),\n    BatchEntryError: ",
        (SHARED,),
    ),
    Mutant(
        '"not found" by attributes is believed without a look',
        "rules/removal.py",
        "    left = site.group.prove()\n",
        "        else:\n            return None\n    left = site.group.prove()\n",
        (LIFECYCLE, REACTIONS, OPEN),
    ),
    Mutant(
        "a claim is ignored by ID",
        "rules/removal.py",
        "if site.claims.holds(rule_id):\n        site.leave_",
        "if False:\n        site.leave_",
        (LIFECYCLE, RESOURCE),
    ),
    Mutant(
        "a claim is ignored by attributes",
        "rules/removal.py",
        "if twin and site.claims.holds(twin.rule_id):\n            site.leave_",
        "if False:\n            site.leave_",
        (LIFECYCLE,),
    ),
    Mutant(
        "the wrong account is believed",
        "rules/site.py",
        "if account_id and asking and asking != account_id:",
        "if False:",
        (LIFECYCLE,),
    ),
    Mutant(
        "a group that is there is believed gone",
        "rules/site.py",
        "if ask_again and self.account.group_exists(self.group.group_id):",
        "if False:",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "an ID that is gone falls back to the quintuple",
        "rules/removal.py",
        "        _name_the_twin_of_what_is_gone(site, rule, rule_id)\n",
        "        _revoke_by_attributes(site, rule)\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "silence after Authorize is taken for failure",
        "rules/creation.py",
        "live = None if group is None else group.matching(rule)",
        "live = None",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "silence after Authorize is taken for success",
        "rules/creation.py",
        "        if live is None:\n            raise\n        return live\n",
        "        return live\n",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "a refusal after silence is taken for proof that nothing was made",
        "rules/creation.py",
        "        if not silences:\n            raise\n",
        "        if type(error) not in MAY_HAVE_ACTED:\n            raise\n",
        (MEET,),
    ),
    Mutant(
        "a refusal after a fault of ECS is taken for proof that nothing was made",
        "client.py",
        "self._asked_for_good(call, but=NoAnswerError)",
        "self._asked(call, but=NoAnswerError)",
        (MEET,),
    ),
    Mutant(
        "a refusal after silence is taken for proof that nothing was changed",
        "client.py",
        "self._asked_for_good(self._write(",
        "self._asked(self._write(",
        (MEET,),
    ),
    Mutant(
        "what may still come is not revoked",
        "rules/creation.py",
        "        site.group.revoke_by_attributes(rule)\n"
        "    except EcsError as refusal:",
        "        pass\n    except EcsError as refusal:",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a rule that is there is taken over without being asked",
        "rules/creation.py",
        "    if not adopt:\n",
        "    if False:\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "nobody looks before Authorize",
        "rules/creation.py",
        "    if twin is None:\n        return _made(site, rule)",
        "    if True:\n        return _made(site, rule)",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a refresh takes a twin for the rule that is gone",
        "rules/lifecycle.py",
        "if live is None and (adopt or not rule_id):",
        "if live is None:",
        (LIFECYCLE,),
    ),
    Mutant(
        "a description that is emptied stays",
        "rules/change.py",
        "if live.rule.remark and not new.remark:",
        "if False:",
        (LIFECYCLE,),
    ),
    Mutant(
        "the token is renewed on a retry",
        "ecs/sdk.py",
        "        parameters = dict(call.parameters)\n",
        "        parameters = dict(call.parameters)\n"
        '        if "ClientToken" in parameters:\n'
        '            parameters["ClientToken"] = str(id(parameters)) + str(left_s)\n',
        (CLIENT,),
    ),
    Mutant(
        "a broken answer is read as no rules",
        "ecs/answers.py",
        "if found is None or len(entries) != len(found):",
        "if False:",
        (HOSTILE, CLIENT),
    ),
    Mutant(
        "control characters of ECS reach the terminal",
        "errors.py",
        "        self.detail = one_line(detail)\n",
        "        self.detail = detail\n",
        (HOSTILE,),
    ),
    Mutant(
        "a certificate that nobody signed is believed",
        "ecs/transport.py",
        "verify=verify,",
        "verify=False,",
        (SECURITY,),
    ),
    Mutant(
        "plain HTTP goes anywhere",
        "config.py",
        'if scheme == "http" and not wished and not is_loopback(endpoint):',
        "if False:",
        (SECURITY,),
    ),
)
"""
The list; a new promise belongs here with the test that keeps it.
"""


def copied(folder: Path) -> Path:
    """
    The parts of the tree that tests need, in a folder of their own.
    """
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def mutate(tree: Path, mutant: Mutant) -> None:
    """
    Make the edit in a copy.

    Raises:
        LookupError: the source is not there, or more than once.
    """
    file = tree / "provider" / "alicloud_ingress" / mutant.module
    source = file.read_text(encoding="utf-8")
    if source.count(mutant.old) != 1:
        raise LookupError(
            f"{mutant.module} holds {mutant.old!r} {source.count(mutant.old)} times,"
            f" not once: bring the mutant {mutant.promise!r} up to date"
        )
    file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")


def run_tests(tree: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """
    Run tests over a copy; pytest's exit code and its last words.
    """
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=line"),
            *tests,
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "provider")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return done.returncode, failed[0] if failed else done.stdout[-500:]


def is_caught(mutant: Mutant) -> bool:
    """
    Try one mutant, and say how it went.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copied(Path(folder))
        mutate(tree, mutant)
        code, words = run_tests(tree, mutant.tests)
    caught = code == TESTS_FAILED
    verdict = "caught  " if caught else "SURVIVED"
    test = words.removeprefix("FAILED ").split(" - ")[0].rpartition("::")[2]
    print(f"{verdict}  {mutant.promise}\n          {test if caught else words}")
    return caught


def main() -> int:
    """
    Show first that the tests pass, then that each mutant makes them fail.
    """
    began = time.monotonic()
    for mutant in MUTANTS:
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            module = Path("provider", "alicloud_ingress", mutant.module)
            (Path(folder) / module).parent.mkdir(parents=True)
            shutil.copy(ROOT / module, Path(folder) / module)
            mutate(Path(folder), mutant)
    needed = tuple(dict.fromkeys(test for each in MUTANTS for test in each.tests))
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        code, words = run_tests(copied(Path(folder)), (*needed, "-n2"))
    if code != 0:
        print(f"the tests fail without any mutant: {words}")
        return 1
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        caught = list(pool.map(is_caught, MUTANTS))
    seconds = time.monotonic() - began
    print(f"{sum(caught)} of {len(caught)} mutants caught in {seconds:.0f} s")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())

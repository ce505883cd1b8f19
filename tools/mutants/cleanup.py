"""
Promises of plan, destruction and restore, and edits of the source that break them.
"""

from __future__ import annotations

from tools.mutants.mutant import Mutant

RECORD = "tests/functional/test_stale_record.py"
PRACTICE = "tests/functional/test_stale_in_practice.py"
RESTORE = "tests/functional/test_restore.py"

CLEANUP = (
    Mutant(
        "a refused read after a delete loses the rule",
        "cleanup/destroy.py",
        ' and error.action == "RevokeSecurityGroup"',
        "",
        (RECORD,),
    ),
    Mutant(
        "a rule that an earlier run deleted counts as deleted by others",
        "cleanup/destroy.py",
        "if by_other and entry.rule_id not in self._sent_before:",
        "if by_other:",
        (RECORD,),
    ),
    Mutant(
        "a drop is deleted before the rules behind it",
        "cleanup/destroy.py",
        "ordered = sorted(entries, key=lambda entry: entry.rule.drops)",
        "ordered = sorted(entries, key=lambda entry: not entry.rule.drops)",
        (RECORD,),
    ),
    Mutant(
        "a drop is deleted though a rule behind it is kept",
        "cleanup/destroy.py",
        "return self._closed(group, still)",
        "return still",
        (RECORD,),
    ),
    Mutant(
        "a drop is deleted though a rule behind it was widened since the plan",
        "cleanup/destroy.py",
        "if opened and opened != entry",
        "if not opened and opened != entry",
        (RECORD,),
    ),
    Mutant(
        "a plan that was written is continued because its output was cut",
        "cli/stale_plan.py",
        "    finally:  # the plan is whole, also if nothing reads all of the output\n",
        "    except RecursionError:\n",
        ("tests/functional/test_processes.py",),
    ),
    Mutant(
        "a rule that was made again counts as deleted",
        "cleanup/destroy.py",
        "elif same and not",
        "elif not same and not",
        (RECORD,),
    ),
    Mutant(
        "a missing group of an unknown account counts as deleted",
        "cleanup/destroy.py",
        "if listed is not None or not self.account_is_known:",
        "if listed is not None:",
        (RECORD,),
    ),
    Mutant(
        "two runs write one report",
        "cleanup/documents.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        (RECORD,),
    ),
    Mutant(
        "an edited report is continued",
        "stale.py",
        "if [*map(_as_planned, report.entries)] != first.entries:",
        "if len(report.entries) < len(first.entries):",
        (RECORD,),
    ),
    Mutant(
        "a rule is restored although its drop is not",
        "cleanup/restore.py",
        "if entry.rule.priority >= first]",
        "if entry.rule.priority > 100]",
        (RESTORE,),
    ),
    Mutant(
        "a rule is restored before its drop",
        "cleanup/restore.py",
        "dropping = [entry for entry in missing if entry.rule.drops]",
        "dropping = []",
        (RESTORE,),
    ),
    Mutant(
        "a late read leaves a deleted rule out of a restore",
        "cleanup/restore.py",
        "            read_until(is_shown, SHOWN_WITHIN_S)\n",
        "            pass\n",
        (RESTORE,),
    ),
    Mutant(
        "a restore opens again what was closed after an earlier one",
        "cleanup/restore.py",
        "        missing = [entry for entry in missing if not entry.restored_as]\n",
        "",
        (RESTORE,),
    ),
    Mutant(
        "a rule is restored although its drop has changed",
        "cleanup/restore.py",
        "in (*failed, *changed) if",
        "in failed if",
        (RESTORE,),
    ),
    Mutant(
        "a rule is restored although another run has deleted its drop",
        "cleanup/restore.py",
        "for entry in self._planned[group.region, group_id]",
        "for entry in entries",
        (RESTORE,),
    ),
    Mutant(
        "a rule that exists after a fault of ECS counts as not restored",
        "cleanup/restore.py",
        "except OUTCOME_UNKNOWN as error:",
        "except NoAnswerError as error:",
        (RESTORE,),
    ),
    Mutant(
        "a refusal of a second call loses what the first deleted",
        "cleanup/destroy.py",
        "not is_certain or entry.rule_id in self._sent_before",
        "not is_certain",
        (RECORD,),
    ),
    Mutant(
        "a new rule that two reads lack counts as deleted",
        "cleanup/destroy.py",
        "and may_show_later(entry.create_time, group)",
        "and not may_show_later(entry.create_time, group)",
        (RECORD,),
    ),
    Mutant(
        "an old unfinished plan hides what is stale since",
        "cleanup/plan_file.py",
        "abs(at - begun) <= CONTINUED_WITHIN",
        "abs(at - begun) > CONTINUED_WITHIN",
        ("tests/functional/test_stale_command.py",),
    ),
    Mutant(
        "a keep list with a description in full keeps nothing",
        "cleanup/filters.py",
        "            or live.rule.description in self.descriptions\n"
        "            or live.rule.remark in self.descriptions\n",
        "",
        (PRACTICE,),
    ),
    Mutant(
        "a kept rule in an edited plan is destroyed",
        "cleanup/findings.py",
        "if any(found.kept for found in self.stale):",
        "if not self.stale and any(found.kept for found in self.stale):",
        ("tests/unit/test_stale_documents.py",),
    ),
    Mutant(
        "a restored rule is not in a report that cannot be written",
        "cleanup/restore.py",
        "        write_report(self._path, self._report)\n        destroyed",
        "        destroyed",
        (RESTORE,),
    ),
    Mutant(
        "a rule that exists twice is imported under one name twice",
        "inventory/importer.py",
        "    taken, twice = _once(taken)\n    skipped += twice\n",
        "",
        ("tests/functional/test_import_command.py",),
    ),
    Mutant(
        "an import uses a name that the state has",
        "inventory/importer.py",
        "used = {*peers.used_names}",
        "used: set[str] = set()",
        ("tests/functional/test_import_command.py",),
    ),
    Mutant(
        "a remark makes an entry of the keep list match nothing",
        "cleanup/filters.py",
        'entry = _REMARK.sub("", line)',
        "entry = line",
        (PRACTICE,),
    ),
    Mutant(
        "a hidden prefix list counts as deleted",
        "cleanup/scan.py",
        "each not in there and self._is_unknown_list(each)",
        "each not in there",
        ("tests/functional/test_stale.py",),
    ),
    Mutant(
        "a restored rule that differs is not named",
        "cleanup/restore.py",
        'if change else ""',
        'if not change else ""',
        (RESTORE,),
    ),
    Mutant(
        "a key that an object has twice is read",
        "cleanup/documents.py",
        ", unique_keys=True",
        "",
        (RECORD,),
    ),
    Mutant(
        "a rule that one read lacks counts as deleted",
        "cleanup/destroy.py",
        "            group = _read_again(client, group, entries)\n",
        "",
        (RECORD,),
    ),
    Mutant(
        "a rule that one read after a refusal lacks counts as deleted",
        "cleanup/destroy.py",
        "group = _read_again(client, client.describe(group.group_id), entries)",
        "group = client.describe(group.group_id)",
        (RECORD,),
    ),
    Mutant(
        "only the first call of a group is judged",
        "cleanup/destroy.py",
        "safe = self._within_cap(group, self._unchanged(group, entries))",
        "safe = safe[MAX_ENTRIES:] if self._sent else"
        " self._within_cap(group, self._unchanged(group, entries))",
        (RECORD,),
    ),
    Mutant(
        "a plan replaces the report of deleted rules",
        "cleanup/plan_file.py",
        "return not head or tag_of(Plan).encode() in head",
        "return True",
        ("tests/functional/test_stale_command.py",),
    ),
    Mutant(
        "a damaged line hides the groups after it",
        "cleanup/plan_file.py",
        "            file.truncate()\n",
        "",
        ("tests/functional/test_stale_command.py",),
    ),
    Mutant(
        "a restored rule that was changed is made again",
        "cleanup/restore.py",
        "        or group.by_id(entry.restored_as)\n",
        "",
        (RESTORE,),
    ),
)
"""
See `promises.MUTANTS`.
"""

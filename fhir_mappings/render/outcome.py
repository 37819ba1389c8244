"""What is said about a request, as an OperationOutcome: refusals, and notices beside an answer.

Source: FHIR R4 OperationOutcome; PROTOCOL §2.1 and §10 (`problem`, `notice`).
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.problems import Problem
from fhir_mappings.terms import systems

Severity: TypeAlias = Literal["fatal", "error", "warning", "information"]


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence for a reader and its code for a program; never a value of the sender.

    `issue` is the code of FHIR's issue-type, `code` ours in `system`; `expression` a FHIRPath,
    empty where the whole request is meant.
    """

    severity: Severity = "error"
    issue: str
    system: str = systems.PROBLEM
    code: str
    text: str
    expression: str = ""


def issue_of(problem: Problem) -> Issue:
    """Read the row of the table for one problem."""
    informs = problem.row.issue == "informational"  # stands beside a refusal and helps
    return Issue(
        severity="information" if informs else "error",
        issue=problem.row.issue,
        code=problem.code,
        text=problem.sentence,
        expression=problem.expression,
    )


def notice(
    code: str, text: str, *, severity: Severity = "information", expression: str = ""
) -> Issue:
    """Tell something that refuses nothing (PROTOCOL §10 `notice`)."""
    issue = "informational" if severity == "information" else "business-rule"
    return Issue(
        severity=severity,
        issue=issue,
        system=systems.NOTICE,
        code=code,
        text=text,
        expression=expression,
    )


def refusal(problems: Iterable[Problem]) -> Tree:
    """Tell every problem of one refusal, in the order found."""
    return outcome(issue_of(one) for one in problems)


def outcome(issues: Iterable[Issue]) -> Tree:
    """Write the issues as one OperationOutcome; it needs at least one."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(one) for one in issues]}


def _issue(one: Issue) -> Json:
    tree: Tree = {
        "severity": one.severity,
        "code": one.issue,
        "details": {"coding": [{"system": one.system, "code": one.code}], "text": one.text},
    }
    if one.expression:
        tree["expression"] = [one.expression]
    return tree

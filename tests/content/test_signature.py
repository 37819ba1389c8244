"""A signature counts for a key of the clinic's own file and for the very pack, for nothing else."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from fhir_mappings.model.pack import Pack, Signature
from service.content.signature import KeyUnusable, add_reviewer, make_key, sign, signature_of
from tests.kit.charts import the_pack

AT = "2026-11-25T10:00:00Z"


@dataclass(frozen=True)
class Desk:
    """A reviewer with a key, and the clinic's file of keys."""

    key: Path
    reviewers: Path

    def signed(self, pack: Pack) -> bytes:
        return sign(pack, self.key, at=AT)

    def read(self, signed: bytes, pack: Pack) -> Signature:
        return signature_of(signed, pack, self.reviewers)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return a_desk(tmp_path, "reviewer")


def a_desk(folder: Path, name: str) -> Desk:
    made = Desk(key=folder / f"{name}.key", reviewers=folder / f"{name}.json")
    add_reviewer(made.reviewers, make_key(made.key, name="Synthetic Reviewer", role="x"))
    return made


def part(tree: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(tree).encode()).rstrip(b"=")


def test_a_reviewers_signature_counts_and_tells_who_and_when(desk: Desk) -> None:
    found = desk.read(desk.signed(the_pack()), the_pack())

    assert found.counts
    assert (found.reviewer, found.role, found.at) == ("Synthetic Reviewer", "x", AT)


@pytest.mark.parametrize("member", ["name", "version", "digest"])
def test_a_pack_that_is_another_is_not_signed(desk: Desk, member: str) -> None:
    signed = desk.signed(the_pack())
    other = msgspec.structs.replace(the_pack(), **{member: "another"})

    assert desk.read(signed, other).why_not == "the pack was changed after it"


def test_a_key_that_the_clinic_does_not_have_counts_for_nothing(desk: Desk, tmp_path: Path) -> None:
    stranger = a_desk(tmp_path, "stranger")

    found = desk.read(stranger.signed(the_pack()), the_pack())

    assert not found.counts
    assert found.reviewer == ""


def test_nobody_signs_in_anothers_name(desk: Desk, tmp_path: Path) -> None:
    stranger = a_desk(tmp_path, "stranger")
    _, payload, signature = stranger.signed(the_pack()).split(b".")
    head, _, _ = desk.signed(the_pack()).split(b".")

    found = desk.read(b".".join((head, payload, signature)), the_pack())

    assert found.why_not == "it was not made with the key that it names"


def test_an_unsigned_token_counts_for_nothing(desk: Desk) -> None:
    kid = json.loads(desk.reviewers.read_text())["keys"][0]["kid"]
    pack = the_pack()
    said = {"pack": pack.name, "version": pack.version, "digest": pack.digest, "at": AT}

    forged = [
        b".".join((part({"alg": algorithm, "kid": kid}), part(said), b""))
        for algorithm in ("none", "HS256", "Ed25519")
    ]

    assert [one.counts for one in (desk.read(token, pack) for token in forged)] == [False] * 3


@pytest.mark.parametrize("text", [b"", b"x", b"a.b.c", b"\xff\xfe", b"{}"])
def test_what_is_no_signature_counts_for_nothing(desk: Desk, text: bytes) -> None:
    assert desk.read(text, the_pack()).why_not == "it is not a signature"


def test_without_a_file_of_reviewers_no_signature_counts(desk: Desk) -> None:
    assert not signature_of(desk.signed(the_pack()), the_pack(), None).counts


def test_a_file_of_keys_that_is_none_is_told_and_not_passed_over(
    desk: Desk, tmp_path: Path
) -> None:
    signed = desk.signed(the_pack())

    with pytest.raises(KeyUnusable):
        signature_of(signed, the_pack(), tmp_path / "nowhere.json")


def test_a_key_is_never_written_over(desk: Desk) -> None:
    before = desk.key.read_bytes()

    with pytest.raises(KeyUnusable):
        make_key(desk.key, name="x", role="x")
    assert desk.key.read_bytes() == before


def test_a_public_key_signs_nothing(desk: Desk) -> None:
    public = json.loads(desk.reviewers.read_text())["keys"][0]
    desk.key.write_text(json.dumps({name: public[name] for name in ("kty", "crv", "x")}))

    with pytest.raises(KeyUnusable):
        desk.signed(the_pack())

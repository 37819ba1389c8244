"""`tpi pack`: the clinical content, made, checked, signed, tried and explained."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from fhir_mappings.decide.pack_check import PackFacts, check_pack, numbers, overlaps
from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.own_pack import SOURCE
from fhir_mappings.parse.pack_examples import FILE, read_examples
from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.clinic import bytes_of
from service.cli.output import AsJson, Exit, Output, Plain
from service.cli.pack_adopt import adopt
from service.cli.pack_screens import BaseFolder, Directory, diff, expect_right, explain, try_out
from service.content.load import SIGNATURE, load_pack, open_folders
from service.content.packs.files import write
from service.content.packs.own import own_files
from service.content.signature import Reviewer, add_reviewer, make_key
from service.content.signature import sign as signed
from service.deps import utc_now
from service.reads.pack_examples import try_examples

app = typer.Typer(
    help="Make, check, sign, try and adopt a content pack, and see why it says what it says.\n\n"
    "    tpi pack check",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(explain)
app.command("test")(try_out)
app.command()(adopt)
app.command()(diff)


@app.command()
def build(
    source: Annotated[
        Path, typer.Argument(help="Folder with pack.json, and examples.json or not.")
    ],
    target: Annotated[Path, typer.Argument(help="New or empty folder for the pack.")],
    *,
    base: BaseFolder = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make a clinic's own pack, as FHIR, from what a person wrote.

    Nothing is written where it could not be carried out.
    """
    output = Output(as_json=as_json, plain=plain)

    async def work() -> dict[str, bytes]:
        files = own_files(bytes_of(source / SOURCE), open_folders(base)[-1].layer)
        if (source / FILE).exists():
            files[FILE] = bytes_of(source / FILE)
            read_examples(files[FILE])
        try:
            write(target, files)
        except ValueError as fault:
            raise Unusable(f"{fault}.", "Name a new or empty folder.") from fault
        return files

    made = carry_out(output, work)
    for name in sorted(made):
        output.result("file", name=name, bytes=len(made[name]))


@app.command()
def check(
    *,
    directory: Directory = None,
    base: BaseFolder = None,
    every_number: Annotated[
        bool, typer.Option("--numbers", help="List every threshold with its value and origin.")
    ] = False,
    overlapping: Annotated[
        bool, typer.Option("--overlaps", help="List the sets that share codes too.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Load a pack as the service does; list what cannot act and what has no source.

    Exit 1 where a rule looks for a value set that nothing can match, or can never fire.
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> Pack:
        return load_pack(
            directory or settings.pack,
            base=base or settings.pack_base,
            reviewers=settings.pack_reviewers,
        )

    loaded = carry_out(output, work)
    pack = check_pack(loaded)
    for number in numbers(loaded) if every_number else ():
        output.result("number", **structs.asdict(number))
    for one in overlaps(loaded) if overlapping else ():
        output.result("overlap", sets=one.sets, codes=one.codes, example=one.example)
    _tell(output, pack)
    if pack.dangling or pack.unreachable:
        output.say("→ Give each of these sets codes or words, or take it from its rules.")
        raise typer.Exit(Exit.FAULT)


def _tell(output: Output, pack: PackFacts) -> None:
    for name in pack.dangling:
        output.result("dangling", value_set=name, what="neither codes nor words: never matched")
    for never in pack.unreachable:
        output.result("unreachable", rule=never.rule, what=never.why)
    for rule in pack.partial:
        output.result("partial", rule=rule, what="something of it stands only in words")
    for one in pack.unsourced:
        output.result("unsourced", rule=one.rule, what=one.what, value=one.value, unit=one.unit)
    output.result(
        "pack", name=pack.name, version=pack.version, rules=pack.rules,
        digest=pack.digest, clinically_reviewed=pack.signed,
    )  # fmt: skip
    signature = pack.signature
    if signature is not None and signature.counts:
        output.say(f"Signed by {signature.reviewer}, {signature.role}, on {signature.at[:10]}.")
        return
    output.say("Not clinically reviewed: no clinic's reviewer has signed this pack.")
    if signature is not None:
        output.say(f"A signature does not count: {signature.why_not}.")


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="New file for the private key.")],
    *,
    name: Annotated[str, typer.Option(help="The reviewer's name.")],
    role: Annotated[str, typer.Option(help="As what the reviewer signs.")],
    reviewers: Annotated[
        Path, typer.Option(help="The clinic's file of public keys; it is made or added to.")
    ],
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make a reviewer's key: the private half for them alone, the public one for the clinic."""
    output = Output(as_json=as_json, plain=plain)

    async def work() -> Reviewer:
        made = make_key(file, name=name, role=role)
        add_reviewer(reviewers, made)
        return made

    made = carry_out(output, work)
    output.result("reviewer", name=made.name, role=made.role, kid=made.kid)
    output.say(
        f"Keep {file} where only its owner can read it; it is not needed to run the service."
    )


@app.command()
def sign(
    directory: Annotated[Path, typer.Argument(help="The pack's folder.")],
    *,
    key_file: Annotated[Path, typer.Option("--key", help="The reviewer's private key.")],
    base: BaseFolder = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Sign a pack that was read: name, version and every byte of it and of its base.

    A pack of which an example is wrong is not signed.

    Whoever's key it is answers for the content; any later change makes the signature void.
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> Pack:
        under = base or settings.pack_base
        expect_right(try_examples(directory, base=under))
        pack = load_pack(directory, base=under)
        at = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
        (directory / SIGNATURE).write_bytes(signed(pack, key_file, at=at) + b"\n")
        return pack

    pack = carry_out(output, work)
    output.result("signed", name=pack.name, version=pack.version, digest=pack.digest)

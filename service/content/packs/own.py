"""A clinic's own pack: from its source to the files of a folder that the service loads."""

from collections.abc import Iterator

from fhir_mappings.parse.own_pack import OwnPack, read_own
from fhir_mappings.parse.pack import read_pack
from fhir_mappings.parse.pack_files import read_layer
from fhir_mappings.parse.pack_layers import Layer, laid
from fhir_mappings.render.pack_resources import library, plan_definition
from fhir_mappings.terms.packs import TABLES, TEXTS
from service.content.packs.files import Contains, ValueSetFile, told, told_set, value_sets


def own_files(source: bytes, base: Layer) -> dict[str, bytes]:
    """Return the resources of a clinic's pack; nothing that could not be carried out.

    Raises:
        Refused: `pack`, with every fault of the source, and of the pack that it makes.
    """
    own = read_own(source, base)
    sets = list(_sets(own, base))
    addresses = {one.id: one.url for one in sets if "." not in one.id}
    plan = plan_definition(
        own.head,
        own.rules.values(),
        sources=own.sources,
        withdrawn=own.withdrawn,
        canonicals={**base.canonicals, **addresses},
    )
    held = {TABLES: own.tables, TEXTS: own.texts}
    files = {
        f"PlanDefinition-{own.head.name}.json": told(plan),
        f"Library-{own.head.name}.json": told(library(own.head, held, [one.url for one in sets])),
        **{f"{one.id}.json": told_set(one) for one in sets},
    }
    read_pack(laid(base, read_layer(files)), digest="")
    return files


def _sets(own: OwnPack, base: Layer) -> Iterator[ValueSetFile]:
    """Yield the sets that are new, and the codes that are added to those of the base."""
    head = own.head
    for name in sorted({*own.codes, *own.new_sets}):
        listed = own.codes.get(name, {})
        codes = {
            Contains(system, code, display)
            for system, held in listed.items()
            for code, display in held.items()
        }
        like = ValueSetFile(
            resource_type="ValueSet",
            id=name,
            url="",
            version=head.version,
            name="".join(part.capitalize() for part in name.split("-")),
            title=name,
            status="draft",
            experimental=True,
            date=head.date,
            description=f"{name}: codes of {head.title}",
            copyright=head.copyright,
        )
        made = value_sets(like, codes, url=head.url)
        yield from (one for one in made if "." in one.id or name not in base.canonicals)

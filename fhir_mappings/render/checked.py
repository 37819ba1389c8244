"""The one gate for what we emit: a tree passes fhir.resources' model, then leaves unchanged.

fhir.resources ships R4B (4.3.0), no 4.0.1. Where the two differ for types that we make, nothing
we build uses the difference (TRAPS, head). The model checks; the tree itself is encoded, because
dumping the model again would alter dates and decimals.
"""

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from fhir_mappings.model.json import Tree, encode, text


class Unfit(Exception):
    """We built a resource that is not FHIR: a fault of ours. Names paths, never values."""


def checked(tree: Tree) -> Tree:
    """Return the tree after the model has read it.

    Raises:
        Unfit: The tree is not a resource of its type: a bug in a renderer.
    """
    model = get_fhir_model_class(text(tree, "resourceType"))
    try:
        model.model_validate_json(encode(tree))
    except ValidationError as fault:
        places = [
            ".".join(map(str, one["loc"]))
            for one in fault.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Unfit(f"{text(tree, 'resourceType')}: {', '.join(places)}") from None
    return tree

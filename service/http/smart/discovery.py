"""`.well-known/smart-configuration`: what a SMART client reads before it has a token.

It says what works and no more: bearer tokens are issued by the clinic (`tpi keys token`), the
token door is reserved at its address and not yet open, so no grant type is claimed.
Source: SMART App Launch 2.2, "Conformance"; TRAPS §3 (clients ask at the base and at the root).
"""

from fhir_mappings.model.json import Tree
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Open, answer

PATH = "/.well-known/smart-configuration"


def token_endpoint(public_url: str) -> str:
    """Return where the token door stands."""
    return f"{public_url}/oauth/token"


def authorize_endpoint(public_url: str) -> str:
    """Return the address kept for a person's leave: nobody is sent there, no grant needs it."""
    return f"{public_url}/oauth/authorize"


async def configuration(deps: Deps) -> Answer:
    """Answer the discovery document."""
    tree: Tree = {
        "token_endpoint": token_endpoint(deps.settings.public_url),
        "grant_types_supported": [],
        "capabilities": [],
        "code_challenge_methods_supported": ["S256"],
    }
    return answer(200, tree, {"content-type": "application/json"})


OPEN = (Open(f"{BASE_PATH}{PATH}", configuration), Open(PATH, configuration))

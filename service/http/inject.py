"""The aliases by which handlers are given what they need.

`NamedDependency` because a bare `deps: Deps` warns in Litestar 2.25 and ends with 3.0;
`SkipValidation` because a test may hand in a `Deps` of its own making.
"""

from typing import TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from service.deps import Deps

Injected: TypeAlias = NamedDependency[SkipValidation[Deps]]

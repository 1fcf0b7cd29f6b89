"""How a handler names what it takes: `actor: CurrentActor`, `data: JSONBody[NewCart]`, `cart_id: FromPath[UUID]`."""

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from lex.core.actor import Actor

CurrentActor = NamedDependency[Actor]

__all__ = ["CurrentActor", "FromPath", "JSONBody"]
